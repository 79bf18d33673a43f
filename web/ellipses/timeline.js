/** The time of the selected ellipse: a ruler in pixel frames and latent frames, and its keyframes. */

import { EASES } from './drawing.js'
import { colourOf, html, iconButton, keyed, set, setText, svg } from '../ui/dom.js'
import { ICONS } from '../ui/icons.js'
import { FRAMES, latentFrame, latentLength } from './keyframes.js'
import { keyNow, neighbourFrames, rulingKey, selectedEllipse } from './state.js'

/** @typedef {import('./drawing.js').Keyframe} Keyframe */
/** @typedef {import('./drawing.js').Ease} Ease */
/** @typedef {import('./stage.js').Model} Model */
/** @typedef {import('./state.js').Event} Event */

const HEIGHT = 66
const LEFT = 44
const RIGHT = 14
const RULER = 36
const TRACK = 51
const LABEL_WIDTH = 42
/** Pixel frames between two labels: whole latent frames, in steps that read well. */
const STEPS = [4, 8, 20, 40, 80, 200, 400, 800, 2000, 4000, 8000]

/**
 * @param {import('../strings.js').Translate} t
 * @param {(event: Event) => void} act
 */
export function createTimeline(t, act) {
  const frame = html('input', {
    type: 'number', min: 0, step: 1, class: 'number', 'data-field': 'frame', 'aria-label': t('frame'),
  })
  const [of, latent] = [html('span', { class: 'quiet' }), html('span', { class: 'quiet latent' })]
  const ease = html('select', { 'data-field': 'ease', 'aria-label': t('ease'), title: t('ease') },
    ...EASES.map((name) => html('option', { value: name }, t(`ease_${name}`))))
  const buttons = {
    previousKey: iconButton(ICONS.previousKey, t('previousKey'), () => act({ type: 'toKey', by: -1 })),
    nextKey: iconButton(ICONS.nextKey, t('nextKey'), () => act({ type: 'toKey', by: 1 })),
    addKey: iconButton(ICONS.addKey, t('addKey'), () => act({ type: 'addKey' })),
    copyKey: iconButton(ICONS.copyKey, t('copyKey'), () => act({ type: 'copyKey' })),
    pasteKey: iconButton(ICONS.pasteKey, t('pasteKey'), () => act({ type: 'pasteKey' })),
    removeKey: iconButton(ICONS.removeKey, t('removeKey'), () => act({ type: 'removeKey' })),
    loop: iconButton(ICONS.loop, t('loop'), () => act({ type: 'loop' })),
  }
  for (const [name, button] of Object.entries(buttons)) set(button, { 'data-action': name })
  let typing = false
  frame.addEventListener('input', () => { typing = true })
  frame.addEventListener('blur', () => { typing = false })
  frame.addEventListener('change', () => {
    typing = false
    act({ type: 'seek', frame: frame.valueAsNumber || 0 })
  })
  ease.addEventListener('change', () => act({ type: 'ease', ease: /** @type {Ease} */ (ease.value) }))

  const bar = html('div', { class: 'bar' },
    html('span', { class: 'group' }, buttons.previousKey, frame, buttons.nextKey),
    of, latent, html('span', { class: 'gap' }), ease,
    html('span', { class: 'group' }, buttons.addKey, buttons.copyKey, buttons.pasteKey, buttons.removeKey),
    buttons.loop)
  const track = createTrack(t)
  const element = html('section', { class: 'timeline', 'aria-label': t('timeline') }, bar, track.element)

  /** @param {Model} model */
  function render(model) {
    const { state } = model
    const { length } = state.clip
    const words = frameWords(state.frame, length)
    const { previous, next } = neighbourFrames(state)
    set(frame, { max: length - 1 })
    if (!typing) frame.value = String(state.frame)
    setText(of, t('ofFrames', words))
    setText(latent, t('latentOf', words))
    ease.value = rulingKey(state).ease
    const here = keyNow(state) !== undefined
    buttons.previousKey.disabled = previous === undefined
    buttons.nextKey.disabled = next === undefined
    buttons.pasteKey.disabled = model.readOnly || !state.copied
    buttons.addKey.disabled = model.readOnly || here
    buttons.removeKey.disabled = model.readOnly || !here
    buttons.loop.disabled = ease.disabled = model.readOnly
    set(buttons.loop, { 'aria-pressed': String(state.drawing.loop) })
    track.render(model)
  }

  return { element, track: track.element, frameAt: track.frameAt, render }
}

/** @param {number} frame @param {number} length */
function frameWords(frame, length) {
  return { frame, last: length - 1, latent: latentFrame(frame), latentLast: latentLength(length) - 1 }
}

/** @param {import('../strings.js').Translate} t */
function createTrack(t) {
  const [bands, ticks] = [svg('path', { class: 'bands' }), svg('path', { class: 'ticks' })]
  const after = svg('rect', { class: 'after' })
  const [labels, others] = [svg('g', { class: 'labels' }), svg('path', { class: 'others' })]
  const [ways, keys] = [svg('path', { class: 'ways' }), svg('g')]
  const playhead = svg('g', { class: 'playhead', role: 'slider', tabindex: 0, 'aria-label': t('frame') },
    svg('path', { d: `M-5 ${RULER - 10}h10v5l-5 5-5-5z` }), svg('line', { y1: RULER, y2: HEIGHT }))
  const element = svg('svg', { class: 'track', height: HEIGHT, role: 'group', 'aria-label': t('timeline') },
    bands, ticks, labels, after, ways, others, keys, playhead)
  const renderKeys = keyed(keys, (/** @type {Keyframe} */ { frame }) => frame, keyMark)
  const scale = { last: 1, width: 1 }
  let ruled = ''

  /** @param {number} frame */
  const xOf = (frame) => LEFT + (frame / scale.last) * (scale.width - LEFT - RIGHT)

  /** @param {Model} model */
  function render({ state }) {
    const { clip, drawing, frame, selected } = state
    const { keyframes } = selectedEllipse(state)
    scale.last = Math.max(1, clip.length - 1, ...keyframes.map((key) => key.frame))
    scale.width = element.clientWidth || 320
    renderRuler(clip.length)
    set(element, { class: `track ${colourOf(drawing.ellipses.indexOf(selectedEllipse(state)))}` })
    renderKeys(keyframes, (mark, key) => {
      const label = t('keyframe', { frame: key.frame, latent: latentFrame(key.frame), ease: t(`ease_${key.ease}`) })
      set(mark, {
        class: `key ${key.ease} ${key.frame === frame ? 'now' : ''}`, 'data-ellipse': selected, 'data-frame': key.frame,
        transform: `translate(${xOf(key.frame).toFixed(2)} ${TRACK})`, 'aria-label': label,
        'aria-pressed': String(key.frame === frame),
      })
    })
    set(ways, { d: waysOf(keyframes, xOf) })
    const other = drawing.ellipses.filter(({ id }) => id !== selected).flatMap((each) => each.keyframes)
    const marks = [...new Set(other.map((key) => key.frame))].map((at) => `M${xOf(at).toFixed(1)} ${HEIGHT - 4}v3`)
    set(others, { d: marks.join('') })
    set(playhead, {
      transform: `translate(${xOf(frame).toFixed(2)} 0)`, 'aria-valuemin': 0, 'aria-valuemax': clip.length - 1,
      'aria-valuenow': frame, 'aria-valuetext': t('frameOf', frameWords(frame, clip.length)),
    })
  }

  /** Bands of latent frames, with labels above for pixel frames and below for latent ones. @param {number} length */
  function renderRuler(length) {
    const key = [length, scale.last, scale.width].join()
    if (key === ruled) return
    ruled = key
    const latents = latentLength(length)
    const wide = xOf(FRAMES) - xOf(0)
    const every = Math.max(1, 2 ** Math.ceil(Math.log2(4 / wide)))
    const starts = Array.from({ length: Math.ceil(latents / every) }, (_, k) => k * every)
    /** @param {number} latent */
    const startOf = (latent) => xOf(latent === 0 ? -0.5 : FRAMES * latent - 3.5)
    const band = starts.filter((_, k) => k % 2 === 1).map((k) => {
      const [from, to] = [startOf(k), startOf(Math.min(latents, k + every))].map((x) => x.toFixed(1))
      return `M${from} ${RULER}H${to}V${HEIGHT}H${from}z`
    })
    set(bands, { d: band.join('') })
    const step = STEPS.find((each) => xOf(each) - xOf(0) >= LABEL_WIDTH) ?? scale.last
    const marks = Array.from({ length: Math.floor((length - 1) / step) + 1 }, (_, k) => k * step)
    set(ticks, { d: marks.map((at) => `M${xOf(at).toFixed(1)} ${RULER - 9}v3`).join('') })
    labels.replaceChildren(caption(11, t('frame')), caption(22, t('latent')), ...marks.flatMap((at) => [
      svg('text', { x: xOf(at), y: 11 }, String(at)),
      svg('text', { x: xOf(at), y: 22, class: 'latent' }, String(latentFrame(at))),
    ]))
    const end = xOf(length - 1) + 1
    set(after, { x: end, y: RULER, height: HEIGHT - RULER, width: Math.max(0, scale.width - end) })
  }

  /** The frame at a place on the track, not rounded. @param {number} x  in layout pixels */
  const frameAt = (x) => ((x - LEFT) / (scale.width - LEFT - RIGHT)) * scale.last

  return { element, render, frameAt }
}

/** @param {number} y @param {string} text */
function caption(y, text) {
  return svg('text', { x: 6, y, class: 'caption' }, text)
}

function keyMark() {
  return svg('g', { role: 'button', tabindex: 0 },
    svg('rect', { class: 'hit', x: -9, y: -14, width: 18, height: 28 }),
    svg('path', { class: 'mark', d: 'M0-6L6 0 0 6-6 0z' }))
}

/** The way from each keyframe to the next, drawn as it moves. @param {readonly Keyframe[]} keyframes
 * @param {(frame: number) => number} xOf */
function waysOf(keyframes, xOf) {
  return keyframes.slice(0, -1).map((key, k) => {
    const [from, to] = [xOf(key.frame), xOf(/** @type {Keyframe} */ (keyframes[k + 1]).frame)]
    const [low, high, middle] = [TRACK + 4, TRACK - 4, (from + to) / 2]
    if (key.ease === 'hold') return `M${from} ${low}H${to}V${high}`
    if (key.ease === 'ease') return `M${from} ${low}C${middle} ${low} ${middle} ${high} ${to} ${high}`
    return `M${from} ${low}L${to} ${high}`
  }).join('')
}
