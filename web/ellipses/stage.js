/** The drawing board: picture, field and outlines in layers, from a model to elements. It draws and decides nothing. */

import { drawContained, emptiness, resize, within } from './canvas.js'
import { colourOf, html, keyed, set, setText, svg } from '../ui/dom.js'
import { fieldPainter, latentGrid } from './field.js'
import { shapeOf, toPlace } from './geometry.js'
import { createHandles } from './handles.js'
import { FRAMES, latentLength, poseAt } from './keyframes.js'
import { neighbourFrames, poseNow, selectedEllipse } from './state.js'

/** @typedef {import('./drawing.js').Ellipse} Ellipse */
/** @typedef {import('./geometry.js').Shape} Shape */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./canvas.js').Picture} Picture */

/**
 * @typedef {object} Model
 * @property {State} state
 * @property {import('./geometry.js').View} view
 * @property {boolean} field  whether the field is shown
 * @property {boolean} onion  whether the neighbouring keyframes are shown
 * @property {boolean} readOnly
 * @property {Picture | null} picture  the background at this frame
 */

const LONGEST_PICTURE = 1280
const MOST_PATH_POINTS = 256

/** @param {import('../strings.js').Translate} t */
export function createStage(t) {
  const backdrop = html('canvas', { class: 'backdrop', width: 1, height: 1 })
  const tint = html('canvas', { class: 'tint', width: 1, height: 1 })
  const frame = html('div', { class: 'frame' }, backdrop, tint)
  const border = svg('rect', { class: 'border' })
  const [ghosts, path, bodies] = [svg('g', { class: 'ghosts' }), svg('path', { class: 'path' }), svg('g')]
  const handles = createHandles(t)
  const board = svg(
    'svg',
    { class: 'board', tabindex: 0, role: 'application', 'aria-label': t('stage') },
    border, ghosts, path, bodies, handles.element
  )
  const element = html('div', { class: 'stage' }, frame, board)
  const renderBodies = keyed(bodies, (/** @type {Ellipse} */ { id }) => id, ({ id }) => body(id))
  const paint = fieldPainter()
  /** @type {unknown[]} */
  let drawn = []

  /** @param {Model} model */
  function render(model) {
    const { state, view } = model
    const { clip, drawing } = state
    const box = { x: view.x, y: view.y, width: clip.width * view.scale, height: clip.height * view.scale }
    const [left, top, width, height] = [box.x, box.y, box.width, box.height].map((length) => `${length}px`)
    Object.assign(frame.style, { left, top, width, height })
    set(border, box)
    renderTint(model)
    renderPicture(model)
    renderBodies(bySize(state), (group, ellipse) => {
      updateBody(group, model, ellipse, drawing.ellipses.indexOf(ellipse), t)
    })
    renderGhosts(model)
    handles.render(model)
  }

  /** @param {Model} model */
  function renderTint({ state, field }) {
    tint.hidden = !field
    if (!field) return
    const grid = latentGrid(state.clip)
    const poses = state.drawing.ellipses.map((each) => /** @type {const} */ ([each.id, poseNow(state, each)]))
    resize(tint, grid)
    tint.getContext('2d')?.putImageData(emptiness(paint(poses, grid), grid), 0, 0)
  }

  /** @param {Model} model */
  function renderPicture({ state: { clip }, picture }) {
    const now = [picture?.source, clip.width, clip.height]
    if (now.every((each, k) => each === drawn[k])) return
    drawn = now
    resize(backdrop, picture ? within(clip, LONGEST_PICTURE) : { width: 1, height: 1 })
    if (picture) drawContained(backdrop, picture)
  }

  /** The poses at the keyframes before and after, and the way of the centre. @param {Model} model */
  function renderGhosts({ state, view, onion }) {
    const { previous, next } = neighbourFrames(state)
    const shown = onion ? [['previous', previous], ['next', next]].filter(([, at]) => at !== undefined) : []
    ghosts.replaceChildren(...shown.map(([which, at]) => {
      const pose = poseAt(selectedEllipse(state), Number(at), state.clip.length, state.drawing.loop)
      return outline(shapeOf(pose, state.clip), view, { class: `ghost ${which}`, 'data-onion': which })
    }))
    set(path, { d: onion ? wayOf(state, view) : null })
  }

  return { element, board, render }
}

/** The ellipses, large ones first, so that a small one on top of them can be reached. @param {State} state */
function bySize(state) {
  /** @param {Ellipse} ellipse */
  const area = (ellipse) => {
    const { rx, ry } = poseNow(state, ellipse)
    return rx * ry
  }
  return state.drawing.ellipses.toSorted((one, other) => area(other) - area(one))
}

/** @param {string} id */
function body(id) {
  return svg('g', { class: 'ellipse', 'data-ellipse': id },
    svg('ellipse', { class: 'ring' }), svg('ellipse', { class: 'halo' }),
    svg('ellipse', { class: 'body', 'data-ellipse': id, 'data-handle': 'move', role: 'button', tabindex: 0 }),
    svg('text', { class: 'tag' }))
}

/**
 * @param {SVGGElement} group
 * @param {Model} model
 * @param {Ellipse} ellipse
 * @param {number} index
 * @param {import('../strings.js').Translate} t
 */
function updateBody(group, { state, view }, ellipse, index, t) {
  const pose = poseNow(state, ellipse)
  const shape = shapeOf(pose, state.clip)
  const selected = ellipse.id === state.selected
  const [ring, halo, area, tag] = /** @type {[Element, Element, Element, Element]} */ ([...group.children])
  set(group, {
    class: `ellipse ${colourOf(index)} ${selected ? 'selected' : ''} ${pose.weight > 0 ? '' : 'gone'}`,
    style: `--weight: ${Math.round(pose.weight * 100) / 100}`,
  })
  const soft = { ...shape, rx: shape.rx * pose.softness, ry: shape.ry * pose.softness }
  set(ring, { ...ellipseAttributes(soft, view), visibility: selected && pose.softness !== 1 ? null : 'hidden' })
  set(halo, ellipseAttributes(shape, view))
  const label = t('ellipseAt', { name: nameOf(ellipse, index, t), x: Math.round(shape.cx), y: Math.round(shape.cy) })
  set(area, { ...ellipseAttributes(shape, view), 'aria-label': label, 'aria-pressed': selected ? 'true' : 'false' })
  const place = toPlace(view, { x: shape.cx, y: shape.cy })
  set(tag, { x: place.x, y: place.y })
  setText(tag, state.drawing.ellipses.length > 1 ? String(index + 1) : '')
}

/** What an ellipse is called; its number where it has no name. @param {Ellipse} ellipse @param {number} index
 * @param {import('../strings.js').Translate} t */
export function nameOf({ name }, index, t) {
  return name.trim() || t('ellipseNumber', { number: index + 1 })
}

/** @param {Shape} shape @param {import('./geometry.js').View} view */
function ellipseAttributes(shape, view) {
  const { x, y } = toPlace(view, { x: shape.cx, y: shape.cy })
  const [rx, ry] = [shape.rx * view.scale, shape.ry * view.scale]
  return { cx: x, cy: y, rx, ry, transform: `rotate(${shape.angle.toFixed(3)} ${x.toFixed(2)} ${y.toFixed(2)})` }
}

/** @param {Shape} shape @param {import('./geometry.js').View} view @param {import('../ui/dom.js').Attributes} attributes */
function outline(shape, view, attributes) {
  return svg('ellipse', { ...attributes, ...ellipseAttributes(shape, view) })
}

/** The path of the selected ellipse's centre over the clip, latent frame by latent frame. @param {State} state
 * @param {import('./geometry.js').View} view */
function wayOf(state, view) {
  const ellipse = selectedEllipse(state)
  if (ellipse.keyframes.length < 2) return null
  const { length, width, height } = state.clip
  const step = FRAMES * Math.ceil(latentLength(length) / MOST_PATH_POINTS)
  const points = Array.from({ length: Math.ceil(length / step) }, (_, k) => {
    const { cx, cy } = poseAt(ellipse, Math.min(k * step, length - 1), length, state.drawing.loop)
    const { x, y } = toPlace(view, { x: cx * width, y: cy * height })
    return `${x.toFixed(1)} ${y.toFixed(1)}`
  })
  return `M${points.join('L')}`
}
