/**
 * The player in the node: a stage with one canvas, a transport, and the choice of what is shown over what.
 *
 * It knows nothing of ComfyUI. `show` takes what the node's run has left; everything else comes from pointer and keys.
 */

import { html, iconButton, set, setText } from '../ui/dom.js'
import { ICONS } from '../ui/icons.js'
import { checkerboard, compose, plain, valueAt } from './composite.js'
import { createFrames, fileOf } from './frames.js'
import { reduce, secondsAt, STOPPED, wanted } from './playback.js'

/** @typedef {import('./composite.js').View} View */
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
/** As wide as a digit, so that the slider keeps its length while it is dragged. */
const BLANK = '\u2007'
/** @type {readonly View[]} */
const VIEWS = ['over', 'alpha', 'rgb', 'difference']
/** @type {readonly BackdropName[]} */
const BACKDROPS = ['checkerboard', 'black', 'white', 'color', 'plate']

/**
 * @param {(subfolder: string, name: string) => string} address  the URL of a temporary file
 * @param {Translate} t
 */
export function createPlayer(address, t) {
  const canvas = html('canvas', { hidden: true })
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
  /** Where the pointer that pans was last. */
  let held = shift
  /** @type {{ clientX: number, clientY: number } | null} */
  let cursor = null
  /** @type {Pixels | null} */
  let pixels = null
  let picture = context.createImageData(1, 1)
  /** What stands behind the clip. @type {{ name: string, pixels: Pixels }} */
  let ground = { name: '', pixels: picture }

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
      compose(picture, front, wish.view, plate ?? behind(here), other ?? null)
      context.putImageData(picture, 0, 0)
      pixels = front
      drawn = wish.key
      set(canvas, { 'data-frame': wish.frame })
      if (cursor) tell()
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

  /** The checkerboard or a colour, made once. @param {Entry} here */
  function behind({ width, height }) {
    const name = `${backdrop.value} ${color.value} ${width} ${height}`
    if (name !== ground.name) ground = { name, pixels: made() }
    return ground.pixels

    function made() {
      if (backdrop.value === 'black') return plain(width, height, [0, 0, 0])
      if (backdrop.value === 'white') return plain(width, height, [255, 255, 255])
      if (backdrop.value !== 'color') return checkerboard(width, height)
      const bits = parseInt(color.value.slice(1), 16)
      return plain(width, height, [bits >> 16, (bits >> 8) & 255, bits & 255])
    }
  }

  function label() {
    const { count, rate } = clip()
    const fps = Number((rate.num / rate.den).toFixed(3))
    const [frame, time] = [String(state.frame + 1), secondsAt(state.frame, rate).toFixed(2)]
    const longest = secondsAt(count - 1, rate).toFixed(2).length
    const words = { frame: frame.padStart(String(count).length, BLANK), count, time: time.padStart(longest, BLANK), fps }
    setText(position, t('position', words))
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

  /** The value under the cursor, now. */
  function tell() {
    const box = canvas.getBoundingClientRect()
    const x = cursor ? Math.floor(((cursor.clientX - box.left) / box.width) * canvas.width) : -1
    const y = cursor ? Math.floor(((cursor.clientY - box.top) / box.height) * canvas.height) : -1
    const found = pixels && valueAt(pixels, x, y)
    setText(value, found ? t('pixel', { x, y, ...found, alpha: (found.a / 255).toFixed(3) }) : '')
  }

  /** @param {string} text */
  function say(text) {
    setText(message, text)
    set(message, { hidden: text === '' })
  }

  slider.addEventListener('input', () => act({ type: 'seek', frame: Number(slider.value) }))
  for (const control of [view, backdrop, color]) control.addEventListener('input', () => void draw())
  board.addEventListener('pointermove', (event) => {
    cursor = event
    if (board.hasPointerCapture(event.pointerId)) {
      const at = onBoard(event)
      shift = { x: shift.x + at.x - held.x, y: shift.y + at.y - held.y }
      held = at
      place()
    }
    tell()
  })
  board.addEventListener('pointerleave', () => {
    cursor = null
    tell()
  })
  board.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    element.focus({ preventScroll: true })
    event.stopPropagation()
    board.setPointerCapture(event.pointerId)
    held = onBoard(event)
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
      set(canvas, { width: made.width, height: made.height, hidden: false })
      picture = context.createImageData(made.width, made.height)
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
