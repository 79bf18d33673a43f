/**
 * The player in the node: a stage with one canvas, a transport, and the choice of what is shown over what.
 *
 * It knows nothing of ComfyUI. `show` takes what the node's run has left; everything else comes from pointer and keys.
 */

import { html, iconButton, set, setText } from '../ui/dom.js'
import { ICONS } from '../ui/icons.js'
import { compose, valueAt } from './composite.js'
import { createFrames, fileOf } from './frames.js'
import { reduce, secondsAt, STOPPED, wanted } from './playback.js'

/** @typedef {import('./composite.js').View} View */
/** @typedef {import('./composite.js').Backdrop} Backdrop */
/** @typedef {import('./composite.js').Pixels} Pixels */
/** @typedef {import('../strings.js').Translate} Translate */
/** @typedef {'checkerboard' | 'black' | 'white' | 'color' | 'plate'} BackdropName */

/**
 * @typedef {object} Entry  what the node says of its clip
 * @property {string} subfolder
 * @property {number} width
 * @property {number} height
 * @property {{ num: number, den: number }} rate
 * @property {number} clip  frames
 * @property {number} [plate]
 * @property {number} [other]
 */

/** @typedef {ReturnType<typeof createPlayer>} Player */

const AHEAD = 6
const FARTHEST_ZOOM = 64
/** @type {readonly View[]} */
const VIEWS = ['over', 'alpha', 'rgb', 'difference']
/** @type {readonly BackdropName[]} */
const BACKDROPS = ['checkerboard', 'black', 'white', 'color', 'plate']

/**
 * @param {(subfolder: string, name: string) => string} address  the URL of a temporary file
 * @param {Translate} t
 */
export function createPlayer(address, t) {
  const canvas = html('canvas', { width: 16, height: 9 })
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }))
  const board = html('div', { class: 'board' }, canvas)
  const message = html('p', { class: 'message', role: 'status' }, t('previewEmpty'))
  const position = html('output', { class: 'position' })
  const value = html('output', { class: 'value', 'aria-live': 'off' })
  const slider = html('input', { type: 'range', min: 0, max: 0, step: 1, value: 0, 'aria-label': t('frame'), 'data-role': 'scrub' })
  const play = iconButton(ICONS.play, t('play'), () => toggle())
  const view = choice(t('view'), VIEWS.map((name) => [name, t(`view_${name}`)]))
  const backdrop = choice(t('backdrop'), BACKDROPS.map((name) => [name, t(`backdrop_${name}`)]))
  const color = html('input', { type: 'color', value: '#00b140', 'aria-label': t('backdrop_color') })
  const element = html('div', { class: 'rgba-widget rgba-player', tabindex: 0, role: 'group', 'aria-label': t('player'), 'data-capture-wheel': 'true' },
    html('div', { class: 'stage' }, board, message),
    html('div', { class: 'bar' },
      iconButton(ICONS.previousFrame, t('previousFrame'), () => act({ type: 'step', by: -1 })), play,
      iconButton(ICONS.nextFrame, t('nextFrame'), () => act({ type: 'step', by: 1 })), slider, position),
    html('div', { class: 'bar' }, view, backdrop, color, iconButton(ICONS.fitView, t('fitView'), () => fit()), value))

  /** @type {Entry | null} */
  let entry = null
  /** @type {import('./frames.js').Frames | null} */
  let frames = null
  let state = STOPPED
  let drawn = ''
  let busy = false
  let ticking = 0
  let zoom = 1
  let shift = { x: 0, y: 0 }
  /** @type {Pixels | null} */
  let pixels = null

  const clip = () => ({ count: entry?.clip ?? 1, rate: entry?.rate ?? { num: 16, den: 1 } })

  /** @param {import('./playback.js').Event} event */
  function act(event) {
    if (!entry) return
    const before = state
    state = reduce(state, event, clip())
    if (state.playing && !before.playing) ticking = requestAnimationFrame(tick)
    if (state !== before) void draw()
  }

  /** @param {number} now */
  function tick(now) {
    if (!state.playing || !element.isConnected) return act({ type: 'pause' })
    act({ type: 'tick', now })
    ticking = requestAnimationFrame(tick)
  }

  function toggle() {
    act(state.playing ? { type: 'pause' } : { type: 'play', now: performance.now() })
  }

  /** Draws what the state says; while a frame is on its way, only the newest wish counts. */
  async function draw() {
    label()
    if (!entry || !frames || busy) return
    const [here, store] = [entry, frames]
    const wish = wishOf(here)
    if (wish.key === drawn) return
    busy = true
    try {
      const [front, plate, other] = await Promise.all(wish.files.map((name) => (name ? store.get(name) : null)))
      if (store !== frames || !front) return
      const out = context.createImageData(here.width, here.height)
      compose(out, front, wish.view, plate ?? plain(), other ?? null)
      context.putImageData(out, 0, 0)
      pixels = front
      drawn = wish.key
      set(canvas, { 'data-frame': wish.frame })
    } catch (problem) {
      if (store === frames) say(t('previewGone', { reason: problem instanceof Error ? problem.message : String(problem) }))
      return
    } finally {
      busy = false
    }
    if (wishOf(here).key !== drawn) void draw()
    else if (state.playing) for (const next of wanted(state.frame, here.clip, AHEAD)) void store.get(fileOf('clip', next, here.clip)).catch(() => {})
  }

  /** @param {Entry} here */
  function wishOf(here) {
    const shown = /** @type {View} */ (view.value)
    const behind = /** @type {BackdropName} */ (backdrop.value)
    const { frame } = state
    const plate = shown === 'over' && behind === 'plate' && here.plate ? fileOf('plate', frame, here.plate) : null
    const other = shown === 'difference' && here.other ? fileOf('other', frame, here.other) : null
    const files = [fileOf('clip', frame, here.clip), plate, other]
    return { frame, view: shown, files, key: [frame, shown, behind, color.value, ...files].join('|') }
  }

  /** @returns {Backdrop} */
  function plain() {
    if (backdrop.value === 'black') return [0, 0, 0]
    if (backdrop.value === 'white') return [255, 255, 255]
    if (backdrop.value !== 'color') return 'checkerboard'
    const bits = parseInt(color.value.slice(1), 16)
    return [bits >> 16, (bits >> 8) & 255, bits & 255]
  }

  function label() {
    const { count, rate } = clip()
    const fps = Number((rate.num / rate.den).toFixed(3))
    setText(position, t('position', { frame: state.frame + 1, count, time: secondsAt(state.frame, rate).toFixed(2), fps }))
    slider.value = String(state.frame)
    set(slider, { 'aria-valuetext': position.textContent })
    const path = play.querySelector('path')
    if (path) set(path, { d: state.playing ? ICONS.pause : ICONS.play })
    set(play, { 'aria-label': t(state.playing ? 'pause' : 'play'), title: t(state.playing ? 'pause' : 'play') })
    set(color, { hidden: backdrop.value !== 'color' || view.value !== 'over' })
    set(backdrop, { disabled: view.value !== 'over' })
  }

  function place() {
    set(canvas, { style: `transform: translate(${shift.x}px, ${shift.y}px) scale(${zoom})`, 'data-zoom': zoom })
    canvas.classList.toggle('pixels', canvas.getBoundingClientRect().width > canvas.width)
  }

  function fit() {
    zoom = 1
    shift = { x: 0, y: 0 }
    place()
  }

  /** The stage's own pixels, which a zoomed graph shows larger. @param {{ clientX: number, clientY: number }} event */
  function onBoard({ clientX, clientY }) {
    const box = board.getBoundingClientRect()
    const scale = box.width / (board.offsetWidth || 1)
    return { x: (clientX - box.left) / scale, y: (clientY - box.top) / scale }
  }

  /** @param {string} text */
  function say(text) {
    setText(message, text)
    set(message, { hidden: text === '' })
  }

  slider.addEventListener('input', () => act({ type: 'seek', frame: Number(slider.value) }))
  for (const control of [view, backdrop, color]) control.addEventListener('input', () => void draw())
  board.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect()
    const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width)
    const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height)
    const found = pixels && valueAt(pixels, x, y)
    setText(value, found ? t('pixel', { x, y, ...found, alpha: (found.a / 255).toFixed(3) }) : '')
    if (event.buttons & 1 && board.hasPointerCapture(event.pointerId)) {
      const scale = board.getBoundingClientRect().width / (board.offsetWidth || 1)
      shift = { x: shift.x + event.movementX / scale, y: shift.y + event.movementY / scale }
      place()
    }
  })
  board.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    element.focus({ preventScroll: true })
    event.stopPropagation()
    board.setPointerCapture(event.pointerId)
  })
  board.addEventListener('dblclick', fit)
  element.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const typing = event.target instanceof HTMLSelectElement || event.target instanceof HTMLInputElement
    /** @type {Record<string, () => void>} */
    const keys = {
      ' ': toggle,
      ArrowLeft: () => act({ type: 'step', by: event.shiftKey ? -10 : -1 }),
      ArrowRight: () => act({ type: 'step', by: event.shiftKey ? 10 : 1 }),
      Home: () => act({ type: 'seek', frame: 0 }),
      End: () => act({ type: 'seek', frame: clip().count - 1 }),
      f: fit,
      1: () => choose(view, 'over'),
      2: () => choose(view, 'alpha'),
      3: () => choose(view, 'rgb'),
      4: () => choose(view, 'difference'),
    }
    if (event.key === 'Tab' || /^F\d/.test(event.key)) return
    event.stopPropagation()
    const does = typing ? undefined : keys[event.key]
    if (!does) return
    event.preventDefault()
    does()
  })

  /** @param {HTMLSelectElement} list @param {string} name */
  function choose(list, name) {
    if (list.querySelector(`option[value="${name}"]:disabled`)) return
    list.value = name
    void draw()
  }

  label()
  return {
    element,
    board,

    /** A run has ended: its clip, from its first frame, and from then on. @param {Entry} made */
    show(made) {
      frames?.close()
      entry = made
      frames = createFrames((name) => address(made.subfolder, name))
      state = { ...STOPPED, frame: Math.min(state.frame, made.clip - 1) }
      drawn = ''
      busy = false
      pixels = null
      say('')
      set(canvas, { width: made.width, height: made.height })
      set(slider, { max: made.clip - 1 })
      offer(backdrop, 'plate', made.plate !== undefined)
      offer(view, 'difference', made.other !== undefined)
      fit()
      void draw()
      void frames.ahead(wanted(0, made.clip, made.clip).map((index) => fileOf('clip', index, made.clip)))
    },

    /** Zoom to the cursor. @param {WheelEvent} event */
    wheel(event) {
      const at = onBoard(event)
      const next = Math.min(Math.max(zoom * Math.exp(-event.deltaY / 300), 0.25), FARTHEST_ZOOM)
      const centre = { x: board.offsetWidth / 2, y: board.offsetHeight / 2 }
      const ratio = next / zoom
      shift = {
        x: at.x - centre.x - (at.x - centre.x - shift.x) * ratio,
        y: at.y - centre.y - (at.y - centre.y - shift.y) * ratio,
      }
      zoom = next
      place()
    },

    /** @param {{ x: number, y: number }} by */
    pan(by) {
      shift = { x: shift.x + by.x, y: shift.y + by.y }
      place()
    },

    destroy() {
      cancelAnimationFrame(ticking)
      state = STOPPED
      frames?.close()
      frames = null
      entry = null
    },
  }
}

/** @param {string} label @param {readonly (readonly [string, string])[]} options */
function choice(label, options) {
  return html('select', { 'aria-label': label, title: label }, ...options.map(([value, text]) => html('option', { value }, text)))
}

/** @param {HTMLSelectElement} list @param {string} name @param {boolean} there */
function offer(list, name, there) {
  const option = list.querySelector(`option[value="${name}"]`)
  if (option) set(option, { disabled: !there })
  if (!there && list.value === name) list.value = list.options[0]?.value ?? ''
}
