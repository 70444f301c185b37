"""Bring clips in: a path, the bundled samples, uploads; and see what became of each file."""

from typing import Any

import ipywidgets

from workbench.controllers.clips import ClipController
from workbench.controllers.media import MediaProvider
from workbench.panels import html
from workbench.panels.base import Panel, Press, button, hooked
from workbench.session import Session
from workbench.widgets import Gallery, Uploader

__all__ = ["ClipLoader"]


class ClipLoader(Panel):
    """The clips to work on: path box, samples, upload, an account of every file, thumbnails.

    Args:
        session: The state to share with other parts; its own when None.
        alone: Whether it stands alone; inside an app, the app has the style and the last message.

    Example:
        >>> loader = ClipLoader()
        >>> len(loader.session.clips)
        0
    """

    def __init__(self, session: Session | None = None, *, alone: bool = True) -> None:
        super().__init__(session, alone=alone)
        self.controller = ClipController.of(self.session)
        self._press = Press(self.controller.open)
        self._source = hooked(
            ipywidgets.Text(
                placeholder="Folder, file or pattern",
                tooltip="Path on the machine of the notebook, such as clips/ or clips/*.mp4; Enter opens",
                continuous_update=True,
            ),
            "wb-source wb-grow",
        )
        self._open = button("Open", "wb-open", "Use the clips of this path instead of those below")
        self._samples = button("Samples", "wb-samples", "Use the bundled clips instead of those below")
        self._uploader = hooked(Uploader(), "wb-upload")
        self._heading = html.block()
        self._outcomes = html.block(hook="wb-outcomes")
        self._gallery = hooked(Gallery(MediaProvider.of(self.session)), "wb-clips")
        self._gallery.empty_text = "No clips yet. Press Samples, open a folder or drop files above."
        self._fill(
            self._heading,
            hooked(ipywidgets.HBox([self._source, self._open, self._samples]), "wb-row"),
            self._uploader,
            self._outcomes,
            self._gallery,
        )
        self._wire()

    def _wire(self) -> None:
        """Connect widgets and controller both ways."""
        controller, session = self.controller, self.session
        self._take(self._source, "value", lambda text: setattr(controller, "source", text), "typing a path")
        self._source.on_msg(self._on_key)
        self._open.on_click(self._do(self._press, "opening the path"))
        self._take(self._source, "value", lambda _: self._press.text_came(), "opening the path")
        self._samples.on_click(self._do(controller.open_samples, "opening the samples"))
        self._uploader.on_batch(
            lambda paths: self._do(lambda: controller.add_uploads(paths), "adding uploads")()
        )
        self._take(
            self._gallery, "selection", lambda key: setattr(session, "selection", key), "selecting a clip"
        )
        self._follow(controller, "source", self._paint_source)
        self._follow(controller, "outcomes", self._paint_outcomes)
        self._follow(session, "clips", self._paint_clips)
        self._follow(session, "selection", self._paint_selection)

    def _on_key(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Enter in the path box opens the path."""
        if isinstance(content, dict) and content.get("event") == "submit":
            self._do(self._press, "opening the path")()

    def _paint_source(self) -> None:
        """Show the path that is open."""
        self._source.value = self.controller.source

    def _paint_outcomes(self) -> None:
        """Show what became of the files of the last source."""
        problems = self.controller.problems()
        title = self.controller.outcome_text()
        opened = self.controller.nothing_came()
        self._outcomes.value = html.problem_list(title, problems, opened=opened) or html.note(title)

    def _paint_clips(self) -> None:
        """Show the clips."""
        self._heading.value = html.heading("Clips", self.controller.summary())
        self._gallery.refresh()
        self._gallery.groups = self.controller.groups()
        self._paint_selection()

    def _paint_selection(self) -> None:
        """Mark the selected clip."""
        self._gallery.selection = self.session.selection
