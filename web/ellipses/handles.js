/** The handles around the selected ellipse, of one size at any zoom; a small box gets a larger one around it. */

import { colourOf, set, svg } from '../ui/dom.js'
import { CORNERS, fromLocal, shapeOf, toPlace, TOWARDS } from './geometry.js'
import { poseNow, selectedEllipse } from './state.js'

/** @typedef {import('./geometry.js').Handle} Handle */
/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {import('./geometry.js').Shape} Shape */
/** @typedef {import('./stage.js').Model} Model */

const LEAST_BOX = 15
const KNOB = 24
const HIT = 12

/** @param {import('../strings.js').Translate} t */
export function createHandles(t) {
  const box = svg('path', { class: 'box' })
  /** @type {Map<Handle, SVGGElement>} */
  const made = new Map()
  for (const name of /** @type {Handle[]} */ (['softness', ...CORNERS, 'rotate'])) {
    const mark = name === 'rotate' ? svg('circle', { class: 'mark', r: 4.5 })
      : name === 'softness' ? svg('path', { class: 'mark', d: 'M-5.5 0L0-5.5 5.5 0 0 5.5z' })
        : svg('rect', { class: 'mark', x: -4, y: -4, width: 8, height: 8, rx: 1.5 })
    const group = svg('g', { class: `handle ${name}`, 'data-handle': name, role: 'button', tabindex: 0 },
      svg('circle', { class: 'hit', r: HIT }), mark)
    set(group, { 'aria-label': t(`handle_${name}`) })
    made.set(name, group)
  }
  const element = svg('g', { class: 'handles' }, box, ...made.values())

  /** @param {Model} model */
  function render({ state, view, readOnly }) {
    const ellipse = selectedEllipse(state)
    const pose = poseNow(state, ellipse)
    const places = handlePlaces(shapeOf(pose, state.clip), pose.softness, view.scale)
    const index = state.drawing.ellipses.indexOf(ellipse)
    set(element, { class: `handles ${colourOf(index)}`, visibility: readOnly ? 'hidden' : null })
    /** @param {Point} point */
    const at = (point) => {
      const { x, y } = toPlace(view, point)
      return `${x.toFixed(2)} ${y.toFixed(2)}`
    }
    const corners = [places.nw, places.ne, places.se, places.sw].map(at)
    set(box, { d: `M${corners.join('L')}zM${at(places.top)}L${at(places.rotate)}` })
    for (const [name, group] of made) {
      const corner = name !== 'rotate' && name !== 'softness' && name !== 'move'
      const turn = corner ? '' : ` rotate(${pose.angle.toFixed(2)})`
      set(group, {
        'data-ellipse': ellipse.id,
        transform: `translate(${at(places[/** @type {Exclude<Handle, 'move'>} */ (name)])})${turn}`,
        style: `cursor: ${cursor(name, pose.angle)}`,
      })
    }
  }

  return { element, render }
}

/** Where the handles are, in the frame; a small box gets a larger one around it. @param {Shape} shape
 * @param {number} softness @param {number} scale */
function handlePlaces(shape, softness, scale) {
  const [rx, ry] = [Math.max(shape.rx, LEAST_BOX / scale), Math.max(shape.ry, LEAST_BOX / scale)]
  /** @param {number} x @param {number} y */
  const local = (x, y) => fromLocal(shape, { x, y })
  return {
    nw: local(TOWARDS.nw.x * rx, TOWARDS.nw.y * ry),
    ne: local(TOWARDS.ne.x * rx, TOWARDS.ne.y * ry),
    sw: local(TOWARDS.sw.x * rx, TOWARDS.sw.y * ry),
    se: local(TOWARDS.se.x * rx, TOWARDS.se.y * ry),
    top: local(0, -ry),
    rotate: local(0, -ry - KNOB / scale),
    softness: local(Math.max(shape.rx * softness, LEAST_BOX / scale), 0),
  }
}

/** @param {Handle} name @param {number} angle */
function cursor(name, angle) {
  if (name === 'rotate') return 'grab'
  const way = name === 'softness' ? 0 : name === 'nw' || name === 'se' ? 45 : 135
  const eighth = Math.round((way + angle) / 45)
  return ['ew-resize', 'nwse-resize', 'ns-resize', 'nesw-resize'][((eighth % 4) + 4) % 4]
}
