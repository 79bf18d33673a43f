/**
 * One editor at work: the state, the text in the widget, and when a change becomes a step of the graph's undo.
 *
 * The text changes once per gesture, once per click, and once per burst of key strokes. A text that is refused changes
 * nothing but `refused`, the reason.
 */

import { DrawingError, formatDrawing, isLonger, MAX_CHARACTERS, parseDrawing } from './drawing.js'
import { initial, reduce } from './state.js'

/** @typedef {import('./state.js').State} State */
/** @typedef {import('./state.js').Event} Event */
/** @typedef {import('./state.js').Clip} Clip */

/** @typedef {{ preview: (event: Event) => void, finish: () => void, cancel: () => void }} Gesture */
/** @typedef {ReturnType<typeof createSession>} Session */

/** The drawing of a new node, and of a node whose text never was a drawing. */
export const START = '{"version": 1, "loop": false, "ellipses": [{"id": "a", "name": "subject", "keyframes": '
  + '[{"frame": 0, "cx": 0.5, "cy": 0.5, "rx": 0.25, "ry": 0.4, "angle": 0.0, "softness": 1.0, "weight": 1.0, '
  + '"ease": "linear"}]}]}'

const BURST_MS = 400

/**
 * @param {Clip} clip
 * @param {{ changed: () => void, committed: () => void }} listen  after every change, and after the text's
 */
export function createSession(clip, { changed, committed }) {
  let text = START
  let state = initial(parseDrawing(START), clip)
  let saved = state.drawing
  /** @type {string | null} */
  let refused = null
  /** @type {Gesture | null} */
  let gesture = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let burst

  /** @param {State} next */
  function show(next) {
    state = next
    changed()
  }

  function commit() {
    clearTimeout(burst)
    burst = undefined
    if (state.drawing === saved) return
    const written = formatDrawing(state.drawing)
    if (isLonger(written, MAX_CHARACTERS)) return show({ ...state, drawing: saved, notice: 'tooLong' })
    saved = state.drawing
    if (written === text) return
    text = written
    refused = null
    committed()
    changed()
  }

  /** A burst of keys becomes a step. */
  function flush() {
    if (burst !== undefined) commit()
  }

  /** Ends what is under way: a gesture is given up. */
  function settle() {
    gesture?.cancel()
    flush()
  }

  return {
    get text() { return text },
    get state() { return state },
    get refused() { return refused },

    /** Takes a text from outside; the last good drawing stays when it is none. @param {unknown} value */
    load(value) {
      if (value === text) return true
      settle()
      try {
        const drawing = parseDrawing(value)
        text = /** @type {string} */ (value)
        saved = drawing
        refused = null
        show(reduce(state, { type: 'load', drawing }))
        return true
      } catch (error) {
        if (!(error instanceof DrawingError)) throw error
        refused = error.message
        changed()
        return false
      }
    },

    /** The node has another size, length or rate. @param {Clip} clip */
    look(clip) {
      show(reduce(state, { type: 'clip', clip }))
    },

    /** Takes a text as a step of its own. @param {string} value */
    paste(value) {
      const before = text
      if (this.load(value) && text !== before) committed()
    },

    /** One event that is a step of its own. @param {Event} event */
    act(event) {
      settle()
      show(reduce(state, event))
      commit()
    },

    /** One of many quick events that make a step together. @param {Event} event */
    nudge(event) {
      gesture?.cancel()
      show(reduce(state, event))
      clearTimeout(burst)
      burst = setTimeout(commit, BURST_MS)
    },

    flush,

    /** A drag: every event counts from the beginning, the last one that was not refused stands. @returns {Gesture} */
    begin() {
      settle()
      const before = state
      /** @param {State} next */
      const end = (next) => {
        if (gesture !== mine) return
        gesture = null
        show(next)
        commit()
      }
      /** @type {Gesture} */
      const mine = {
        preview(event) {
          const next = reduce(before, event)
          if (gesture === mine && !next.notice) show(next)
        },
        finish: () => end(state),
        cancel: () => end(before),
      }
      gesture = mine
      return mine
    },

    /** Whether a gesture was under way, which is then given up. */
    cancel() {
      const was = gesture !== null
      gesture?.cancel()
      return was
    },

    /** Nothing is written any more. */
    close() {
      clearTimeout(burst)
      gesture = null
    },

    /** Takes a notice away. */
    dismiss() {
      refused = null
      show({ ...state, notice: null })
    },
  }
}
