/** Pointers on the drawing board and on the timeline: mouse, pen and touch alike, to events of the session. */

import { moved, panned, poseOf, resized, rotated, shapeOf, softened, toPoint, turnBetween } from './geometry.js'
import { FRAMES } from './keyframes.js'
import { poseNow, selectedEllipse } from './state.js'

/** @typedef {import('./geometry.js').Corner} Corner */
/** @typedef {import('./geometry.js').Handle} Handle */
/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {import('./geometry.js').View} View */
/** @typedef {import('./session.js').Session} Session */

/** @typedef {{ move: (event: PointerEvent, place: Point) => void, finish?: () => void, cancel?: () => void }} Drag */
/** @typedef {(event: PointerEvent, place: Point) => Drag | null} Begin */
/** @typedef {{ get: () => View, set: (view: View) => void }} ViewPort */

/** A click that trembles less than this is no drag, in layout pixels. */
const TREMBLE = 2

/** Where an event is on an element, in its own layout pixels, however the host scales it.
 * @param {Element} element @param {MouseEvent} event @returns {Point} */
export function placeOn(element, event) {
  const rect = element.getBoundingClientRect()
  return {
    x: ((event.clientX - rect.left) / rect.width) * element.clientWidth,
    y: ((event.clientY - rect.top) / rect.height) * element.clientHeight,
  }
}

/**
 * Drags with one pointer. A second finger gives the drag up: two fingers are the canvas's.
 *
 * @param {SVGSVGElement} element  it gets the pointer, so that the host's listeners are out of the way
 * @param {Begin} begin
 */
export function onDrag(element, begin) {
  /** @type {Set<number>} */
  const pointers = new Set()
  /** @type {Drag | null} */
  let drag = null
  /** @type {Point | null} */
  let start = null

  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    event.preventDefault()
    event.stopPropagation()
    element.setPointerCapture(event.pointerId)
    pointers.add(event.pointerId)
    if (pointers.size > 1) return giveUp()
    start = placeOn(element, event)
    drag = begin(event, start)
  })

  element.addEventListener('pointermove', (event) => {
    if (!pointers.has(event.pointerId)) return
    event.stopPropagation()
    const place = placeOn(element, event)
    if (start && Math.hypot(place.x - start.x, place.y - start.y) < TREMBLE) return
    start = null
    drag?.move(event, place)
  })

  element.addEventListener('pointerup', (event) => {
    if (!pointers.delete(event.pointerId)) return
    event.stopPropagation()
    drag?.finish?.()
    drag = null
  })

  for (const lost of /** @type {const} */ (['pointercancel', 'lostpointercapture'])) {
    element.addEventListener(lost, (event) => {
      if (pointers.delete(event.pointerId)) giveUp()
    })
  }

  function giveUp() {
    drag?.cancel?.()
    drag = null
  }
}

/**
 * Handles and bodies of ellipses, and the empty board, which pans.
 *
 * @param {Session} session
 * @param {ViewPort} view
 * @param {() => boolean} locked
 * @returns {Begin}
 */
export function beginOnBoard(session, view, locked) {
  return (event, origin) => {
    const target = event.target instanceof Element ? event.target.closest('[data-handle]') : null
    const { handle, ellipse } = /** @type {SVGElement | null} */ (target)?.dataset ?? {}
    if (!handle || !ellipse || locked()) return pan(view, origin)
    if (ellipse !== session.state.selected) session.act({ type: 'select', id: ellipse })
    const from = view.get()
    const { clip } = session.state
    const pose = poseNow(session.state, selectedEllipse(session.state))
    const shape = shapeOf(pose, clip)
    const gesture = session.begin()
    let last = toPoint(from, origin)
    let turn = 0

    /** @param {PointerEvent} now @param {Point} point @param {Point} by */
    const change = (now, point, by) => {
      if (handle === 'softness') return { softness: softened(shape, pose.softness, by) }
      if (handle === 'move') return poseOf(moved(shape, by), clip)
      if (handle === 'rotate') {
        turn += turnBetween({ x: shape.cx, y: shape.cy }, last, point)
        return { angle: rotated(shape, turn, now.shiftKey).angle }
      }
      const how = { ratio: now.shiftKey, centred: now.altKey }
      return poseOf(resized(shape, /** @type {Corner} */ (handle), by, how), clip)
    }

    return {
      move(now, place) {
        const point = toPoint(from, place)
        const by = { x: (place.x - origin.x) / from.scale, y: (place.y - origin.y) / from.scale }
        gesture.preview({ type: 'pose', id: ellipse, pose: change(now, point, by) })
        last = point
      },
      finish: gesture.finish,
      cancel: gesture.cancel,
    }
  }
}

/** @param {ViewPort} view @param {Point} origin @returns {Drag} */
function pan(view, origin) {
  const from = view.get()
  return {
    move: (_, place) => view.set(panned(from, { x: place.x - origin.x, y: place.y - origin.y })),
    cancel: () => view.set(from),
  }
}

/**
 * Keyframes are moved, with Alt copied, with Shift from latent frame to latent frame; anywhere else the time is set.
 *
 * @param {Session} session
 * @param {(x: number) => number} frameAt
 * @param {() => boolean} locked
 * @returns {Begin}
 */
export function beginOnTrack(session, frameAt, locked) {
  return (event, place) => {
    const target = event.target instanceof Element ? event.target.closest('[data-frame]') : null
    if (target) {
      const from = Number(target.getAttribute('data-frame'))
      session.act({ type: 'seek', frame: from })
      if (locked()) return null
      const offset = frameAt(place.x) - from
      const gesture = session.begin()
      return {
        move(now, { x }) {
          const to = Math.min(frameAt(x) - offset, Math.max(from, session.state.clip.length - 1))
          const frame = now.shiftKey ? FRAMES * Math.round(to / FRAMES) : Math.round(to)
          gesture.preview({ type: 'moveKey', from, to: frame, copy: now.altKey })
        },
        finish: gesture.finish,
        cancel: gesture.cancel,
      }
    }
    const before = session.state.frame
    session.act({ type: 'seek', frame: frameAt(place.x) })
    return {
      move: (_, { x }) => session.act({ type: 'seek', frame: frameAt(x) }),
      cancel: () => session.act({ type: 'seek', frame: before }),
    }
  }
}
