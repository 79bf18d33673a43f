/**
 * Keys on the editor. What is typed into it stays out of the host's shortcuts; what is typed with Ctrl or Cmd goes on.
 *
 * On the board: arrows a pixel, with Shift ten, on the handle that has the focus or else on the ellipse; [ and ] turn
 * by a degree, with Shift by 15; Page Up and Page Down choose another ellipse; comma and full stop step through the
 * frames; + - 0 zoom; K adds a keyframe; Delete deletes the ellipse. On a keyframe: arrows move it, Delete deletes it.
 */

import { moved, poseOf, resized, rotated, shapeOf, SNAP_DEGREES } from './geometry.js'
import { FRAMES } from './keyframes.js'
import { poseNow, selectedEllipse } from './state.js'

/** @typedef {import('./geometry.js').Corner} Corner */
/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./drawing.js').Pose} Pose */

const FAR = 10
const SOFTER = 0.01

/** @type {Readonly<Record<string, Point>>} */
const ARROWS = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}

/** Keys that belong to the page or to the host, whatever has the focus. @param {KeyboardEvent} event */
function passes({ key, ctrlKey, metaKey }) {
  return ctrlKey || metaKey || key === 'Tab' || /^F\d+$/.test(key)
}

/**
 * @typedef {object} Desk
 * @property {Session} session
 * @property {() => boolean} locked
 * @property {(factor: number) => void} zoom  about the middle of the board
 * @property {() => void} fitView
 * @property {(event: KeyboardEvent) => void} space  the canvas pans while it is held
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {(frame: number) => void} focusKey  the keyframe at this frame
 */

/**
 * @param {HTMLElement} element
 * @param {Desk} desk
 */
export function onKeys(element, desk) {
  const { session } = desk

  element.addEventListener('keydown', (event) => {
    if (event.key === 'Control' || event.key === 'Meta' || event.ctrlKey || event.metaKey) session.flush()
    undoneInField(event, desk)
    if (passes(event)) return
    const target = /** @type {Element} */ (event.target)
    const onBoard = target.closest('.board') !== null
    if (event.key === ' ' && onBoard && !target.closest('[data-handle]')) return desk.space(event)
    event.stopPropagation()
    if (event.key === 'Escape') return session.cancel() ? event.preventDefault() : undefined
    const done = onBoard ? boardKey(event, target, desk)
      : target.closest('[data-frame]') ? keyframeKey(event, Number(target.getAttribute('data-frame')), desk)
        : target.closest('.playhead') ? playheadKey(event, session) : false
    if (done) event.preventDefault()
  })
}

/**
 * Ctrl+Z is the graph's. In a field the host leaves it to the browser, and so do we where something is half typed;
 * anywhere else the browser would take back what was last typed into a field.
 *
 * @param {KeyboardEvent} event
 * @param {Desk} desk
 */
function undoneInField(event, { undo, redo }) {
  const { target, key, shiftKey } = event
  if (!(event.ctrlKey || event.metaKey) || !/^[zy]$/i.test(key)) return
  if (!(target instanceof HTMLInputElement)) return event.preventDefault()
  if (target.type === 'text' ? target.value !== target.defaultValue : !target.validity.valid) return
  event.preventDefault()
  event.stopPropagation()
  if (shiftKey || /^y$/i.test(key)) redo()
  else undo()
}

/** @param {KeyboardEvent} event @param {Element} target @param {Desk} desk */
function boardKey(event, target, desk) {
  const { session, locked } = desk
  const { dataset } = /** @type {SVGElement} */ (target.closest('[data-handle]') ?? target)
  const { frame } = session.state
  switch (event.key) {
    case ',': return act(session, { type: 'seek', frame: frame - 1 })
    case '.': return act(session, { type: 'seek', frame: frame + 1 })
    case 'Home': return act(session, { type: 'seek', frame: 0 })
    case 'End': return act(session, { type: 'seek', frame: Infinity })
    case 'PageUp': return act(session, { type: 'step', by: -1 })
    case 'PageDown': return act(session, { type: 'step', by: 1 })
    case 'Enter': return dataset.ellipse ? act(session, { type: 'select', id: dataset.ellipse }) : false
    case '+': case '=': return desk.zoom(1.25), true
    case '-': return desk.zoom(1 / 1.25), true
    case '0': return desk.fitView(), true
  }
  if (locked()) return event.key === 'Delete' || event.key === 'Backspace'
  switch (event.key) {
    case 'Delete': case 'Backspace': return act(session, { type: 'remove' })
    case 'k': case 'K': return act(session, { type: 'addKey' })
    case '[': case '{': return turn(session, event.shiftKey ? -SNAP_DEGREES : -1)
    case ']': case '}': return turn(session, event.shiftKey ? SNAP_DEGREES : 1)
  }
  const arrow = ARROWS[event.key]
  return arrow ? nudge(event, arrow, dataset, session) : false
}

/** @param {KeyboardEvent} event @param {Point} arrow @param {DOMStringMap} on @param {Session} session */
function nudge(event, arrow, { handle = 'move', ellipse }, session) {
  const { clip, selected } = session.state
  if (ellipse && ellipse !== selected) session.act({ type: 'select', id: ellipse })
  const pose = poseNow(session.state, selectedEllipse(session.state))
  const shape = shapeOf(pose, clip)
  const far = event.shiftKey ? FAR : 1
  const by = { x: arrow.x * far, y: arrow.y * far }
  const sense = arrow.x - arrow.y
  if (handle === 'rotate') return turn(session, sense * (event.shiftKey ? SNAP_DEGREES : 1))
  if (handle === 'softness') return change(session, { softness: pose.softness + sense * SOFTER * far })
  if (handle === 'move') return change(session, poseOf(moved(shape, by), clip))
  return change(session, poseOf(resized(shape, /** @type {Corner} */ (handle), by, { centred: event.altKey }), clip))
}

/** @param {Session} session @param {number} degrees */
function turn(session, degrees) {
  const pose = poseNow(session.state, selectedEllipse(session.state))
  const shape = shapeOf(pose, session.state.clip)
  return change(session, { angle: rotated(shape, degrees, Math.abs(degrees) === SNAP_DEGREES).angle })
}

/** @param {Session} session @param {Partial<Pose>} pose */
function change(session, pose) {
  session.nudge({ type: 'pose', id: session.state.selected, pose })
  return true
}

/** @param {Session} session @param {import('./state.js').Event} event */
function act(session, event) {
  session.act(event)
  return true
}

/** @param {KeyboardEvent} event @param {number} from @param {Desk} desk */
function keyframeKey({ key, shiftKey, altKey }, from, { session, locked, focusKey }) {
  if (key === 'Enter' || key === ' ') return act(session, { type: 'seek', frame: from })
  if (locked()) return key === 'Delete' || key === 'Backspace'
  if (key === 'Delete' || key === 'Backspace') return act(session, { type: 'removeKey', frame: from })
  const arrow = ARROWS[key]
  if (!arrow) return false
  session.act({ type: 'moveKey', from, to: from + (arrow.x - arrow.y) * (shiftKey ? FRAMES : 1), copy: altKey })
  if (!session.state.notice) focusKey(session.state.frame)
  return true
}

/** @param {KeyboardEvent} event @param {Session} session */
function playheadKey({ key, shiftKey }, session) {
  const { frame } = session.state
  if (key === 'Home' || key === 'End') return act(session, { type: 'seek', frame: key === 'Home' ? 0 : Infinity })
  const page = key === 'PageUp' ? FRAMES : key === 'PageDown' ? -FRAMES : 0
  if (page) return act(session, { type: 'seek', frame: frame + page })
  const arrow = ARROWS[key]
  return arrow ? act(session, { type: 'seek', frame: frame + (arrow.x - arrow.y) * (shiftKey ? FRAMES : 1) }) : false
}
