/** The editor: a session, its parts on the screen, and the ways from pointers, keys and pictures into it. */

import { createBackground, FitError } from './background.js'
import { html, iconButton, set, setText } from '../ui/dom.js'
import { fitted, panned, shapeOf, zoomed } from './geometry.js'
import { beginOnBoard, beginOnTrack, onDrag, placeOn } from './gestures.js'
import { ICONS } from '../ui/icons.js'
import { createInspector } from './inspector.js'
import { onKeys } from './keys.js'
import { motion } from './presets.js'
import { createSession } from './session.js'
import { createStage, nameOf } from './stage.js'
import { poseNow, selectedEllipse } from './state.js'
import { createTimeline } from './timeline.js'
import { createToolbar } from './toolbar.js'

/** @typedef {import('./state.js').Clip} Clip */
/** @typedef {import('./geometry.js').View} View */
/** @typedef {import('../strings.js').StringKey} StringKey */

/**
 * What the editor asks of the program around it.
 *
 * @typedef {object} Host
 * @property {() => Clip} clip  the size, length and rate that the node has now
 * @property {(size: Readonly<{ width: number, height: number, length: number }>) => void} setSize
 * @property {() => void} committed  the text has changed: a step of the graph's undo
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => 'linked' | 'locked' | null} readOnly  why nothing may be changed
 * @property {() => import('./footage.js').Source | null} upstream  the pictures that come into `background`
 * @property {(event: KeyboardEvent) => void} space
 */

/**
 * What is looked at, which no file keeps: it is handed on to the editor that takes this one's place after an undo.
 *
 * @typedef {object} Memory
 * @property {string} selected
 * @property {number} frame
 * @property {View | null} view  null is the whole frame
 * @property {boolean} field
 * @property {boolean} onion
 * @property {import('./background.js').Chosen} background
 */

/** @typedef {ReturnType<typeof createEditor>} Editor */

/** @returns {Memory} */
export function blankMemory() {
  return { selected: '', frame: 0, view: null, field: true, onion: false, background: { mode: 'graph', own: null } }
}

/**
 * @param {Host} host
 * @param {import('../strings.js').Translate} t
 */
export function createEditor(host, t) {
  let memory = blankMemory()
  /** @type {StringKey | null} */
  let notice = null
  let scheduled = 0
  let board = { width: 0, height: 0 }
  let framed = ''
  /** @type {ReturnType<Host['readOnly']>} */
  let shown = null

  const session = createSession(host.clip(), { changed: schedule, committed })
  let background = createBackground(memory.background, host.upstream, schedule)
  const stage = createStage(t)
  const act = (/** @type {import('./state.js').Event} */ event) => session.act(event)
  const timeline = createTimeline(t, act)
  const inspector = createInspector(t, act, session.nudge)
  const chooser = html('input', { type: 'file', accept: 'image/*', hidden: true })
  const toolbar = createToolbar(t, {
    setSize: (size) => {
      host.setSize(size)
      refresh()
    },
    setMotion: (name) => act({ type: 'keyframes', keyframes: motion(name, session.state.clip.length) }),
    setBackground: (choice) => {
      if (choice === 'file') chooser.click()
      else memory.background.mode = choice
      refresh()
      schedule()
    },
    toggleField: () => toggle('field'),
    toggleOnion: () => toggle('onion'),
    fitAlpha,
    fitView: () => setView(null),
  })
  const words = html('span')
  const close = iconButton(ICONS.close, t('close'), dismiss)
  const alert = html('div', { class: 'notice', role: 'alert', hidden: true }, words, close)
  stage.element.append(alert)
  const status = html('div', { class: 'unseen', role: 'status' })
  const element = html(
    'div',
    { class: 'rgba-widget rgba-ellipses', role: 'group', 'aria-label': t('editor'), 'data-capture-wheel': 'true' },
    toolbar.element, stage.element, timeline.element, inspector.element, chooser, status
  )

  /** The view that is shown. */
  const view = () => memory.view ?? fitted(session.state.clip, board)
  const locked = () => host.readOnly() !== null

  function schedule() {
    memory.selected = session.state.selected
    memory.frame = session.state.frame
    scheduled ||= requestAnimationFrame(render)
  }

  function render() {
    scheduled = 0
    if (!element.isConnected) return
    const { state, refused } = session
    const { field, onion } = memory
    const readOnly = host.readOnly()
    shown = readOnly
    const model = { state, view: view(), field, onion, readOnly: readOnly !== null, picture: background.picture }
    stage.render(model)
    timeline.render(model)
    inspector.render(model)
    toolbar.render(model, memory.background.mode, memory.background.own !== null)
    set(element, { 'data-read-only': readOnly })
    const key = notice ?? state.notice ?? (readOnly === 'linked' ? 'linked' : null)
    setText(words, refused ? t('refused', { reason: refused }) : key ? t(key) : '')
    alert.hidden = !words.textContent
    void background.refresh(state.frame, state.clip)
  }

  /** A step is done: the graph keeps it, and a screen reader says where the ellipse is now. */
  function committed() {
    notice = null
    host.committed()
    const { state } = session
    const ellipse = selectedEllipse(state)
    const { cx, cy, rx, ry, angle } = shapeOf(poseNow(state, ellipse), state.clip)
    const name = nameOf(ellipse, state.drawing.ellipses.indexOf(ellipse), t)
    const words = { x: cx, y: cy, width: 2 * rx, height: 2 * ry, angle }
    const rounded = Object.fromEntries(Object.entries(words).map(([key, value]) => [key, Math.round(value)]))
    setText(status, t('now', { name, ...rounded }))
  }

  /** Looks at the node again: its size may have changed, or what comes into it. */
  function refresh() {
    const clip = host.clip()
    const { clip: before } = session.state
    const size = `${clip.width} ${clip.height}`
    if (framed && framed !== size) memory.view = null
    framed = size
    const changed = Object.entries(clip).some(([key, value]) => before[/** @type {keyof Clip} */ (key)] !== value)
    if (changed) session.look(clip)
    if (shown !== host.readOnly()) schedule()
    void background.refresh(session.state.frame, clip)
  }

  /** @param {View | null} next */
  function setView(next) {
    memory.view = next
    schedule()
  }

  /** @param {'field' | 'onion'} what */
  function toggle(what) {
    memory[what] = !memory[what]
    schedule()
  }

  function dismiss() {
    notice = null
    session.dismiss()
  }

  /** @param {StringKey | null} key */
  function say(key) {
    notice = key
    schedule()
  }

  async function fitAlpha() {
    say('fitting')
    try {
      const keyframes = await background.fit(session.state.clip)
      say(null)
      act({ type: 'keyframes', keyframes })
    } catch (error) {
      say(error instanceof FitError ? error.reason : 'unreadable')
    }
  }

  /** @param {Blob} file */
  async function openPicture(file) {
    try {
      await background.open(file)
      say(null)
    } catch {
      say('unreadable')
    }
  }

  // ---------------------------------------------------------------------------------------------------- the ways in

  const port = { get: view, set: setView }
  onDrag(stage.board, beginOnBoard(session, port, locked))
  onDrag(timeline.track, beginOnTrack(session, timeline.frameAt, locked))
  for (const board of [stage.board, timeline.track]) {
    board.addEventListener('pointerdown', ({ button }) => {
      refresh()
      if (button === 0) stage.board.focus({ preventScroll: true })
    }, { capture: true })
  }
  timeline.track.addEventListener('dblclick', () => locked() || act({ type: 'addKey' }))

  onKeys(element, {
    session, locked, fitView: () => setView(null), space: host.space, undo: host.undo, redo: host.redo,
    zoom: (factor) => setView(zoomed(view(), { x: board.width / 2, y: board.height / 2 }, factor)),
    focusKey: (frame) => {
      render()
      const key = timeline.track.querySelector(`[data-frame="${frame}"]`)
      if (key instanceof SVGElement) key.focus()
    },
  })
  element.addEventListener('focusout', session.flush)
  element.addEventListener('pointerenter', refresh)
  chooser.addEventListener('change', () => chooser.files?.[0] && openPicture(chooser.files[0]))
  const sizes = new ResizeObserver(() => {
    const size = { width: stage.element.clientWidth, height: stage.element.clientHeight }
    if (memory.view && board.width) {
      memory.view = panned(memory.view, { x: (size.width - board.width) / 2, y: (size.height - board.height) / 2 })
    }
    board = size
    refresh()
    schedule()
  })
  sizes.observe(stage.element)

  return {
    element,
    session,
    board: stage.board,
    refresh,
    openPicture,
    say,

    /** Zooms about the cursor. @param {WheelEvent} event */
    wheel(event) {
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1
      setView(zoomed(view(), placeOn(stage.board, event), Math.exp(-event.deltaY * lines * 0.0015)))
    },

    /** What an editor before this one looked at. @param {Memory} before */
    resume(before) {
      const { selected, frame } = before
      memory = before
      background.close()
      background = createBackground(memory.background, host.upstream, schedule)
      refresh()
      act({ type: 'select', id: selected })
      act({ type: 'seek', frame })
    },

    get memory() { return memory },

    /** Nothing of it is needed any more. */
    destroy() {
      session.close()
      background.close()
      sizes.disconnect()
      cancelAnimationFrame(scheduled)
    },
  }
}
