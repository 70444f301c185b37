"""Embed the clips: what will be done, start, progress, stop, what had to be left out."""

import ipywidgets

from workbench.controllers.embed import EmbedController
from workbench.controllers.jobs import JobsController
from workbench.controllers.models import ModelController
from workbench.panels import html
from workbench.panels.base import Panel, button, hooked
from workbench.session import Session

__all__ = ["EmbedPanel"]


class EmbedPanel(Panel):
    """The embedding job: a plan before it starts, progress while it runs, Stop at any time.

    Args:
        session: The state to share with other parts; its own when None.
        alone: Whether it stands alone; inside an app, the app has the style and the last message.

    Example:
        >>> panel = EmbedPanel()
        >>> panel.controller.busy
        False
    """

    def __init__(self, session: Session | None = None, *, alone: bool = True) -> None:
        super().__init__(session, alone=alone)
        ModelController.of(self.session).choose_default()
        self.controller = EmbedController.of(self.session)
        self.jobs = JobsController.of(self.session)
        self._plan = html.block(hook="wb-plan")
        self._embed = button("Embed", "wb-embed", "Compute the vectors of the clips", main=True)
        self._stop = button("Stop", "wb-stop", "End the job soon; what is embedded is kept")
        self._bar = hooked(ipywidgets.FloatProgress(min=0.0, max=1.0), "wb-progress wb-grow")
        self._words = html.block(hook="wb-progress-text")
        self._skipped = html.block(hook="wb-skipped")
        plan = hooked(ipywidgets.HBox([self._embed, self._plan]), "wb-row wb-plan-row")
        job = hooked(ipywidgets.HBox([self._bar, self._words, self._stop]), "wb-row wb-job")
        heading = html.block(html.heading("Embed"), hook="wb-title-row")
        self._fill(heading, plan, job, self._skipped)
        self._wire()

    def _wire(self) -> None:
        """Connect widgets and controller both ways."""
        controller = self.controller
        self._embed.on_click(self._do(controller.start, "embedding the clips"))
        self._stop.on_click(self._do(self.jobs.stop, "stopping the job"))
        self._follow(controller, "plan_text", self._paint_plan)
        names = ["running", "first_running", "stopping", "fraction", "text", "bar_style"]
        self._follow(self.jobs, names, self._paint_job)
        self._follow(controller, "skipped", self._paint_skipped)

    def _paint_plan(self) -> None:
        """Say what Embed would do."""
        self._plan.value = html.note(self.controller.plan_text)

    def _paint_job(self) -> None:
        """Show how far the job is."""
        jobs = self.jobs
        self._embed.disabled = jobs.first_running
        self._embed.description = "Embedding …" if jobs.first_running else "Embed"
        self._stop.disabled = jobs.stopping or not jobs.running
        self._bar.value = jobs.fraction
        self._bar.bar_style = jobs.bar_style
        self._words.value = html.note(jobs.text)

    def _paint_skipped(self) -> None:
        """List what was left out, and why."""
        skipped = [(skip.key, skip.reason) for skip in self.controller.skipped]
        self._skipped.value = html.problem_list(f"{len(skipped)} skipped", skipped)
