/**
 * The pictures that stand before a node in the graph and are in the browser already, without a run.
 *
 * From an input we walk against the links, breadth first. At each node count, in this order: what its last run showed,
 * what another node (a preview, say) showed of the same output, the pictures drawn in it, the file it is set to load.
 */

/** @typedef {import('./ellipses/footage.js').Source} Source */
/** @typedef {{ graph: ComfyGraph, node: ComfyNode, slot: number }} Place  a node's output */

/**
 * @typedef {object} Program
 * @property {ComfyGraph} root
 * @property {Record<string, Record<string, unknown> | undefined>} outputs  the host's record of what nodes showed
 * @property {(route: string) => string} url
 */

const VIDEO = /\.(mp4|m4v|webm|mov|mkv)$/i
const PICTURE = /\.(png|jpe?g|webp|gif|avif|bmp)$/i
/** What nodes call the files that they show: the host's own name, then what video packs use. */
const SHOWN = ['images', 'gifs', 'video', 'videos']
const FILE_WIDGETS = ['image', 'video', 'file']
const SUBGRAPH_INPUT = '-10'
const FARTHEST = 64

/**
 * @param {Program} program
 * @param {ComfyNode} node
 * @param {string} input
 * @returns {Source | null}
 */
export function upstreamOf(program, node, input) {
  const seen = new Set()
  let places = origins(program, node, node.inputs.filter(({ name }) => name === input))
  for (let k = 0; k < FARTHEST && places.length > 0; k++) {
    for (const place of places) {
      const { node } = place
      const found = shownBy(program, node) ?? shownBeside(program, place) ?? drawnIn(node) ?? setTo(program, node)
      if (found) return found
    }
    const fresh = places.filter(({ node }) => !seen.has(node))
    for (const { node } of fresh) seen.add(node)
    places = fresh.flatMap((place) => origins(program, place.node, place.node.inputs))
  }
  return null
}

/** The outputs that are linked to these inputs. @param {Program} program @param {ComfyNode} node
 * @param {readonly ComfySlot[]} inputs @returns {Place[]} */
function origins(program, node, inputs) {
  return inputs.flatMap((input) => {
    const { graph } = node
    const link = graph && input.link != null ? graph.getLink?.(input.link) : undefined
    if (!graph || !link) return []
    if (String(link.origin_id) === SUBGRAPH_INPUT) {
      const outside = program.root.nodes.find(({ subgraph }) => subgraph === graph)
      const slot = outside?.inputs[link.origin_slot]
      return outside && slot ? origins(program, outside, [slot]) : []
    }
    const origin = graph.getNodeById(link.origin_id)
    return origin ? [{ graph, node: origin, slot: link.origin_slot }] : []
  })
}

/** @param {Program} program @param {ComfyNode} node @returns {Source | null} */
function shownBy({ root, outputs, url }, node) {
  const key = node.graph && node.graph !== root ? `${node.graph.id}:${node.id}` : String(node.id)
  const files = SHOWN.flatMap((name) => {
    const entries = outputs[key]?.[name]
    return Array.isArray(entries) ? entries : []
  })
  return sourceOf(files.filter((file) => typeof file?.filename === 'string'), url)
}

/** @param {Program} program @param {Place} place @returns {Source | null} */
function shownBeside(program, { graph, node, slot }) {
  for (const id of node.outputs[slot]?.links ?? []) {
    const link = graph.getLink?.(id)
    const other = link && graph.getNodeById(link.target_id)
    const found = other && shownBy(program, other)
    if (found) return found
  }
  return null
}

/** @param {ComfyNode} node @returns {Source | null} */
function drawnIn({ imgs, videoContainer }) {
  const video = videoContainer?.querySelector('video')?.src
  if (video) return { kind: 'video', url: video }
  const urls = (imgs ?? []).map(({ src }) => src).filter(Boolean)
  return urls.length > 0 ? { kind: 'images', urls } : null
}

/** @param {Program} program @param {ComfyNode} node @returns {Source | null} */
function setTo({ url }, node) {
  const widget = node.widgets?.find(({ name, value }) => FILE_WIDGETS.includes(name) && typeof value === 'string')
  const [, path = '', type = 'input'] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(String(widget?.value ?? '')) ?? []
  const cut = path.lastIndexOf('/') + 1
  return sourceOf([{ filename: path.slice(cut), subfolder: path.slice(0, Math.max(0, cut - 1)), type }], url)
}

/** @param {readonly ComfyOutput[]} files @param {(route: string) => string} url @returns {Source | null} */
function sourceOf(files, url) {
  /** @param {ComfyOutput} file */
  const view = ({ filename, subfolder = '', type = 'output' }) => {
    const words = { filename: String(filename), subfolder: String(subfolder), type: String(type) }
    return url(`/view?${new URLSearchParams(words)}`)
  }
  const video = files.find(({ filename }) => VIDEO.test(String(filename)))
  if (video) return { kind: 'video', url: view(video) }
  const pictures = files.filter(({ filename }) => PICTURE.test(String(filename)))
  return pictures.length > 0 ? { kind: 'images', urls: pictures.map(view) } : null
}
