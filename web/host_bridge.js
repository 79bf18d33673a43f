/**
 * Between the editor and ComfyUI: the widget, the graph's undo, and the events that belong to the canvas.
 *
 * What the host does not document is called here and in `canvas_gestures.js` alone, so that it can be changed in one
 * place. One code path for the classic canvas and for Nodes 2.0.
 */

import { chain, passOn } from './canvas_gestures.js'
import { createEditor } from './ellipses/editor.js'
import { translator } from './strings.js'
import { upstreamOf } from './upstream.js'

/** @typedef {import('./ellipses/editor.js').Editor} Editor */
/** @typedef {import('./ellipses/editor.js').Memory} Memory */
/** @typedef {{ memory: Memory, focused: boolean }} Left  what an editor leaves to the one after it */

const MIN_WIDTH = 360
const MIN_HEIGHT = 454
const FIRST_HEIGHT = 800
/** Classic takes the element off the page, and so its focus, before it says that the node is gone. */
const JUST_NOW_MS = 150
const LOOK_MS = 500
/** What an editor left is for the one that takes its place at once. */
const LEFT_MS = 5000

/**
 * The widget's constructor, as the host wants it.
 *
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 * @param {string} key  the widget's type
 * @returns {ComfyWidgetConstructor}
 */
export function ellipseWidgets(app, api, key) {
  let count = 0
  /** @type {Map<string, Left>} */
  const left = new Map()

  return (node, name, spec) => {
    const t = translator(String(app.extensionManager.setting.get('Comfy.Locale') ?? 'en'))
    const editor = createEditor(hostOf(app, api, node, name), t)
    const start = spec[1]?.default
    if (typeof start === 'string') editor.session.load(start)
    passOn(app.canvas, node, editor)
    takeFiles(node, editor)
    // Nodes 2.0 keeps the element of a widget whose type it has seen under the same node: after an undo, the dead one.
    const widget = node.addDOMWidget(name, `${key}:${++count}`, editor.element, {
      getValue: () => editor.session.text,
      setValue: (value) => void editor.session.load(value),
      getMinHeight: () => MIN_HEIGHT,
      hideOnZoom: false,
      hideInPanel: true,
      margin: 4,
    })
    follow(app, api, node, name, editor, left)
    return { widget, minWidth: MIN_WIDTH + 60, minHeight: FIRST_HEIGHT }
  }
}

/**
 * What the editor asks for, as this node has it.
 *
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 * @param {ComfyNode} node
 * @param {string} name
 * @returns {import('./ellipses/editor.js').Host}
 */
function hostOf(app, api, node, name) {
  /** @param {string} key */
  const widget = (key) => node.widgets?.find((each) => each.name === key)
  /** @param {string} key @param {number} otherwise */
  const number = (key, otherwise) => {
    const value = Number(widget(key)?.value)
    return value > 0 && Number.isFinite(value) ? value : otherwise
  }
  const capture = () => app.extensionManager.workflow.activeWorkflow?.changeTracker?.captureCanvasState?.()
  return {
    clip: () => ({
      width: number('width', 832), height: number('height', 480), length: number('length', 81), fps: number('fps', 16),
    }),
    setSize(size) {
      for (const [key, value] of Object.entries(size)) {
        const target = widget(key)
        if (!target) continue
        target.callback?.(value)
        target.value = value // after the callback, which makes 4n + 1 of Mochi's 79 frames
      }
      app.canvas.setDirty(true, true)
      capture()
    },
    committed() {
      const own = widget(name)
      own?.callback?.(own.value)
      capture()
    },
    undo: () => void app.extensionManager.command.execute('Comfy.Undo'),
    redo: () => void app.extensionManager.command.execute('Comfy.Redo'),
    readOnly: () => (isLinked(node, name) ? 'linked' : app.canvas.read_only ? 'locked' : null),
    upstream() {
      const program = {
        root: app.rootGraph ?? app.graph,
        outputs: app.nodeOutputs,
        url: (/** @type {string} */ route) => api.apiURL(route),
      }
      return upstreamOf(program, node, 'background')
    },
    space(event) {
      app.canvas.canvas.focus()
      app.canvas.processKey?.(event)
    },
  }
}

/** Whether a link, not the editor, gives the value. @param {ComfyNode} node @param {string} name */
function isLinked(node, name) {
  return node.inputs?.some(({ widget, link }) => widget?.name === name && link != null) ?? false
}

/**
 * Follows the node's life: its size and links, its end, and its return under the same id after an undo.
 *
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 * @param {ComfyNode} node
 * @param {string} name
 * @param {Editor} editor
 * @param {Map<string, Left>} left
 */
function follow(app, api, node, name, editor, left) {
  let place = ''
  let blurred = -Infinity
  editor.element.addEventListener('focusout', () => (blurred = performance.now()))
  const look = () => editor.refresh()
  api.addEventListener('executed', look)
  // Nobody is told when a number is set by a program, or when a node before this one gets another file.
  const looking = setInterval(() => document.hidden || look(), LOOK_MS)

  chain(node, 'onAdded', () => {
    place = `${node.graph?.id}:${node.id}` // now, since a graph that is cleared forgets its id first
    const before = left.get(place)
    left.delete(place)
    if (!before || !app.extensionManager.workflow.activeWorkflow?.changeTracker?._restoringState) return
    queueMicrotask(() => {
      editor.resume(before.memory)
      if (before.focused) whenShown(editor.element, () => editor.board.focus({ preventScroll: true }))
    })
  })
  chain(node, 'onConfigure', look)
  chain(node, 'onConnectionsChange', look)
  chain(node, 'onRemoved', () => {
    const focused = editor.element.contains(document.activeElement) || performance.now() - blurred < JUST_NOW_MS
    left.set(place, { memory: editor.memory, focused })
    setTimeout(() => left.get(place)?.memory === editor.memory && left.delete(place), LEFT_MS)
    api.removeEventListener('executed', look)
    clearInterval(looking)
    editor.destroy()
  })
  for (const widget of node.widgets ?? []) {
    if (widget.name !== name) chain(widget, 'callback', look)
  }
}

/**
 * Pictures and drawings that are dropped or pasted.
 *
 * @param {ComfyNode} node
 * @param {Editor} editor
 */
function takeFiles(node, editor) {
  const { element } = editor
  const focused = () => element.contains(document.activeElement)
  for (const type of /** @type {const} */ (['dragenter', 'dragover', 'drop'])) {
    element.addEventListener(type, (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      event.stopPropagation()
      if (type === 'drop') take(editor, event.dataTransfer)
    })
  }
  // The browser gives a paste to the page, not to a drawing that has the focus.
  const paste = (/** @type {ClipboardEvent} */ event) => {
    if (!focused() || event.target instanceof HTMLInputElement || !event.clipboardData) return
    if (!take(editor, event.clipboardData)) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }
  document.addEventListener('paste', paste, { capture: true })
  chain(node, 'onRemoved', () => document.removeEventListener('paste', paste, { capture: true }))
}

/** A picture becomes the background, the text of a drawing the drawing. @param {Editor} editor
 * @param {DataTransfer} data
 * @returns {boolean} whether it was for us */
function take(editor, data) {
  const [file] = data.files
  if (file) {
    if (file.type.startsWith('image/')) void editor.openPicture(file)
    else editor.say('notAPicture')
    return true
  }
  const text = data.getData('text/plain')
  if (!/^\s*\{[^]*"ellipses"/.test(text)) return false
  editor.session.paste(text)
  return true
}

/** @param {Element} element @param {() => void} then @param {number} [frames] */
function whenShown(element, then, frames = 60) {
  if (element.isConnected) then()
  else if (frames > 0) requestAnimationFrame(() => whenShown(element, then, frames - 1))
}
