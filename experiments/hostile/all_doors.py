"""Every door, by its name."""

from experiments.hostile import archives, command_lines, networks, pictures, records, requests_to_page
from experiments.hostile.doors import Door

DOORS: dict[str, Door] = {
    door.name: door
    for part in (pictures, networks, records, command_lines, archives, requests_to_page)
    for door in part.DOORS
}
