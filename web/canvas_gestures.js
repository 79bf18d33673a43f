/**
 * What a widget of ours leaves to the canvas, and what it keeps: one code path for the classic canvas and Nodes 2.0.
 */

/** @typedef {object} Stage  a widget with a stage that can be zoomed
 * @property {HTMLElement} element  the widget; takes the focus
 * @property {Element} board  the part of it that the wheel zooms
 * @property {(event: WheelEvent) => void} wheel
 */

/**
 * The canvas's own gestures over a widget: middle button, right click, and the wheel while the focus is elsewhere.
 *
 * @param {ComfyCanvas} canvas
 * @param {ComfyNode} node
 * @param {Stage} stage
 */
export function passOn(canvas, node, { element, board, wheel }) {
  const focused = () => element.contains(document.activeElement)
  element.addEventListener('wheel', (event) => {
    if (focused() && !event.ctrlKey && !event.metaKey) {
      event.preventDefault()
      event.stopPropagation()
      if (event.target instanceof Node && board.contains(event.target)) wheel(event)
    } else if (!LiteGraph.vueNodesMode) {
      event.preventDefault()
      canvas.processMouseWheel?.(event)
    }
  }, { passive: false })

  element.addEventListener('pointerdown', (event) => event.button === 1 && canvas.processMouseDown?.(event))
  element.addEventListener('pointermove', (event) => event.buttons & 4 && canvas.processMouseMove?.(event))
  element.addEventListener('pointerup', (event) => event.button === 1 && canvas.processMouseUp?.(event))

  element.addEventListener('contextmenu', (event) => {
    if (LiteGraph.vueNodesMode || event.target instanceof HTMLInputElement) return
    event.preventDefault()
    canvas.adjustMouseEvent?.(event)
    canvas.processContextMenu?.(node, event)
  })
}

/** Calls `also` after what the host or another extension has put there. @template {object} Owner
 * @param {Owner} owner @param {keyof Owner} name @param {(...args: never[]) => void} also */
export function chain(owner, name, also) {
  const before = /** @type {((...args: unknown[]) => unknown) | undefined} */ (owner[name])
  Object.assign(owner, {
    /** @this {unknown} @param {unknown[]} args */
    [name](...args) {
      const result = before?.apply(this, args)
      also(.../** @type {never[]} */ (args))
      return result
    },
  })
}
