/** Between the player and ComfyUI: a widget that shows what the node's last run has left, and saves nothing. */

import { chain, passOn } from './canvas_gestures.js'
import { createPlayer } from './preview/player.js'
import { translator } from './strings.js'

/** @typedef {import('./preview/player.js').Entry} Entry */

const KEY = 'RGBA_PREVIEW_PLAYER'
const MIN_HEIGHT = 280
const FIRST_SIZE = /** @type {const} */ ([420, 480])

/** Frames of the page. */
const LOOKS = 60

let count = 0

/**
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 * @param {ComfyNode} node
 */
export function addPlayer(app, api, node) {
  const t = translator(String(app.extensionManager.setting.get('Comfy.Locale') ?? 'en'))
  /** @param {string} subfolder @param {string} filename */
  const address = (subfolder, filename) =>
    api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type: 'temp' })}`)
  const player = createPlayer(address, t)
  passOn(app.canvas, node, player)
  // Nodes 2.0 keeps the element of a widget whose type it has seen under the same node: after an undo, the dead one.
  const widget = node.addDOMWidget('player', `${KEY}:${++count}`, player.element, {
    getValue: () => '',
    setValue: () => {},
    getMinHeight: () => MIN_HEIGHT,
    hideOnZoom: false,
    hideInPanel: true,
    margin: 4,
    serialize: false,
  })
  widget.serialize = false
  node.setSize([Math.max(node.size[0], FIRST_SIZE[0]), Math.max(node.size[1], FIRST_SIZE[1])])

  /** @param {Record<string, unknown> | undefined} output */
  const show = (output) => {
    const [entry] = /** @type {Entry[]} */ (output?.rgba_preview ?? [])
    if (entry) player.show(entry)
    shown ||= entry !== undefined
  }
  let shown = false
  /** What the last run has left is there a moment after the node, when an undo or a tab brings it back. @param {number} looks */
  const recall = (looks) => {
    if (shown || !node.graph) return
    show(app.nodeOutputs[keyOf(app, node)])
    if (looks > 0) requestAnimationFrame(() => recall(looks - 1))
  }
  chain(node, 'onExecuted', show)
  chain(node, 'onAdded', () => queueMicrotask(() => recall(LOOKS)))
  chain(node, 'onRemoved', () => player.destroy())
}

/** The host's name for a node's outputs, which inside a subgraph begins with the subgraph's. @param {ComfyApp} app
 * @param {ComfyNode} node */
function keyOf(app, node) {
  const root = app.rootGraph ?? app.graph
  return node.graph && node.graph !== root ? `${node.graph.id}:${node.id}` : String(node.id)
}
