"""Look closely at the selected clip: player, and exactly the frames that the model saw."""

from workbench.controllers.inspect import InspectController
from workbench.controllers.media import MediaProvider
from workbench.panels import html
from workbench.panels.base import Panel
from workbench.session import Session
from workbench.widgets import Player

__all__ = ["Inspector"]


class Inspector(Panel):
    """The selected clip: plays, and shows the frames that stand for it with their times.

    Args:
        session: The state to share with other parts; its own when None.
        alone: Whether it stands alone; inside an app, the app has the style and the last message.

    Example:
        >>> inspector = Inspector()
        >>> inspector.controller.key
        ''
    """

    def __init__(self, session: Session | None = None, *, alone: bool = True) -> None:
        super().__init__(session, alone=alone)
        self.controller = InspectController.of(self.session)
        self._player = Player(MediaProvider.of(self.session))
        self._problem = html.block(hook="wb-problem")
        self._fill(html.block(html.heading("Inspector")), self._player, self._problem)
        self.add_class("wb-inspector")
        names = ["key", "detail", "frame_times_s", "strip_text"]
        self._follow(self.controller, names, self._paint)
        self._follow(self.controller, "problem", self._paint_problem)
        self._follow(self.session, "clips", self._player.refresh)

    def _paint(self) -> None:
        """Show the clip; a clip that is shown already keeps playing."""
        controller, player = self.controller, self._player
        if player.key != controller.key:
            player.show(controller.key, detail=controller.detail, frame_times_s=controller.frame_times_s)
        with player.hold_sync():
            player.detail = controller.detail
            player.strip_text = controller.strip_text
            player.frame_times_s = list(controller.frame_times_s)

    def _paint_problem(self) -> None:
        """Say why there are no frames."""
        self._problem.value = html.note(self.controller.problem, "error")
