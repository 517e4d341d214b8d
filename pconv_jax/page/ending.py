"""How the page ends: results that were asked for are written, and what is not saved is named."""

from pconv_jax.common.errors import shortened
from pconv_jax.common.output import plain_text
from pconv_jax.page.desk import Desk
from pconv_jax.page.jobs import Job

_LOOK = 0.2  # seconds
_NAMED = 10  # photographs


def end(desk: Desk) -> int:
    """Ends all work but what is being saved, unless Ctrl-C comes once more, and says what is not saved.

    Returns:
        The exit status: 1 if something was to be saved and is not.
    """
    saves = desk.stop_all_but_saves()
    titles = {each.name: plain_text(each.title) for each in desk.photographs}
    try:
        for job in saves:
            if not job.finished.is_set():
                print(f"saving {titles[job.photograph]} first; Ctrl-C again drops it", flush=True)
            _wait_for(job)
    except KeyboardInterrupt:
        pass
    desk.shut()
    unsaved = [titles[each.name] for each in desk.photographs if each.is_unsaved]
    failed = [job for job in saves if job.state != "done"]
    for job in failed:
        if job.message:
            print(plain_text(job.message))
    if unsaved:
        print(f"not saved: {shortened(unsaved, _NAMED)}", flush=True)
    return 1 if failed else 0


def _wait_for(job: Job) -> None:
    while not job.finished.wait(_LOOK):  # in pieces, between which Ctrl-C is noticed
        pass
