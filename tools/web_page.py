# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The page of tools/web.py, in Gradio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from tlpg_tools.web_visit import DEMO, VIDEOS, Visit, videos_below

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.utils.errors import InputError

PLAYER = Path(__file__).with_name('page')
STYLE = """
footer { display: none !important; }
.gradio-container { max-width: 1120px !important; margin: auto !important; }
#head { align-items: center; }
#head h1 { font-size: 26px; margin: 0 0 2px; }
#head p { margin: 0; opacity: .7; }
#choice { padding: 0 !important; border: 0; background: none; box-shadow: none; }
#choice, #upload, #save { flex: 0 1 260px; }
#player, #player .html-container { padding: 0 !important; }
#foot { justify-content: end; }
"""
NO_VIDEO = 'Choose a video first.'

View = dict[str, Any] | None


def build_page(tracker: Tracker, root: Path, videos: Path | None) -> gr.Blocks:
    """The page, ready to be launched.

    Args:
        tracker: Whose model, device and seed every visitor gets.
        root: Folder for what visitors upload and download.
        videos: Folder whose videos visitors may choose; None for none.
    """

    def choices() -> gr.Dropdown:
        names = [('Choose a video \u2026', ''), DEMO, *(videos_below(videos) if videos else [])]
        return gr.Dropdown(names, value='', container=False, elem_id='choice')

    with gr.Blocks(title='TLPG-Tracker', analytics_enabled=False, delete_cache=(600, 600)) as page:
        state = gr.State(lambda: Visit(tracker, root, videos), delete_callback=_close)
        with gr.Row(elem_id='head'):
            gr.Markdown('# TLPG-Tracker\nDraw a box, track it, correct it where it is wrong.')
            choice = choices()
            upload = gr.UploadButton('Upload a video', file_types=list(VIDEOS), elem_id='upload')
        player = gr.HTML(None, **_player_files(), apply_default_css=False, elem_id='player')
        with gr.Row(elem_id='foot'):
            save = gr.Button('Download the results', elem_id='save')
        zipped = gr.DownloadButton(visible='hidden', elem_id='zip')

        # What has been put into the folder since shows when a page is loaded.
        page.load(choices, outputs=choice)
        shown = dict(outputs=player, show_progress='hidden', trigger_mode='multiple')
        choice.input(_handler(Visit.open), [state, choice], **shown)
        upload.upload(_handler(Visit.upload), [state, upload], **shown)
        for name in ('seek', 'draw', 'select', 'rename', 'remove', 'pause'):
            getattr(player, name)(_event_handler(getattr(Visit, name)), state, **shown)
        player.track(_track, state, **shown)
        save.click(_save, state, zipped).success(
            None, js="() => document.querySelector('#zip').click()"
        )
    return page.queue(default_concurrency_limit=8)


def launch(page: gr.Blocks, host: str, port: int, max_upload: int, **options: Any) -> str:
    """Serve the page, until Ctrl-C unless ``prevent_thread_lock`` is set; its address.

    ``max_upload`` is in MB, for each file; ``options`` are more of Gradio's.

    Raises:
        InputError: If the port is taken.
    """
    # Fonts of the system: others would be fetched from elsewhere.
    theme = gr.themes.Soft(
        primary_hue='blue', font=['system-ui', 'sans-serif'], font_mono=['monospace']
    )
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            max_file_size=f'{max_upload}mb',
            footer_links=[],
            theme=theme,
            css=STYLE,
            **options,
        )
    except OSError as error:
        raise InputError(f'--port: {port} of {host} cannot be used ({error})') from error
    return url


def _player_files() -> dict[str, str]:
    parts = {'html_template': 'html', 'css_template': 'css', 'js_on_load': 'js'}
    return {key: (PLAYER / f'player.{kind}').read_text() for key, kind in parts.items()}


def _handler(act: Callable) -> Callable:
    """What does something for a visitor, and shows what came of it."""

    def handle(visit: Visit, *arguments: Any) -> View:
        try:
            act(visit, *arguments)
        except (InputError, OSError) as error:
            gr.Warning(str(error))
        return visit.view()

    return handle


def _event_handler(act: Callable) -> Callable:
    handler = _handler(lambda visit, event: act(visit, **event._data))

    def handle(visit: Visit, event: gr.EventData) -> View:
        return handler(visit, event)

    return handle


def _track(visit: Visit) -> Iterator[View]:
    try:
        for _ in visit.track():
            yield visit.view()
    except InputError as error:
        gr.Warning(str(error))
    yield visit.view()


def _save(visit: Visit) -> str:
    if visit.session is None:
        raise gr.Error(NO_VIDEO)
    try:
        return visit.save()
    except InputError as error:
        raise gr.Error(str(error)) from error


def _close(visit: Visit | None) -> None:
    if visit is not None:
        visit.close()
