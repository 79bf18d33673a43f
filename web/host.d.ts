/** The parts of ComfyUI's frontend that we use; it ships no types that fit. */

interface ComfyWidget {
  name: string
  type: string
  value: unknown
  label?: string
  serialize?: boolean
  options?: { values?: string[] }
  callback?: (value: unknown) => void
  serializeValue?: () => unknown
}

interface ComfyDOMWidget extends ComfyWidget {
  element: HTMLElement
}

interface ComfyDOMWidgetOptions {
  getValue: () => string
  setValue: (value: unknown) => void
  getMinHeight?: () => number
  hideOnZoom?: boolean
  hideInPanel?: boolean
  margin?: number
  serialize?: boolean
}

interface ComfyLink {
  id: number
  origin_id: number | string
  origin_slot: number
  target_id: number | string
  target_slot: number
}

interface ComfySlot {
  name: string
  link?: number | null
  links?: number[] | null
  widget?: { name: string }
}

interface ComfyGraph {
  id: string
  isRootGraph?: boolean
  nodes: ComfyNode[]
  getNodeById: (id: number | string) => ComfyNode | null
  getLink?: (id: number) => ComfyLink | undefined
  setDirtyCanvas?: (foreground: boolean, background: boolean) => void
}

interface ComfyNode {
  id: number | string
  type: string
  comfyClass?: string
  size: [number, number]
  setSize: (size: [number, number]) => void
  graph: ComfyGraph | null
  subgraph?: ComfyGraph
  inputs: ComfySlot[]
  outputs: ComfySlot[]
  widgets?: ComfyWidget[]
  imgs?: HTMLImageElement[]
  videoContainer?: HTMLElement
  addDOMWidget: (name: string, type: string, element: HTMLElement, options: ComfyDOMWidgetOptions) => ComfyDOMWidget
  addWidget: (type: string, name: string, value: unknown, callback: () => void, options: object) => ComfyWidget
  onDragOver?: (event: DragEvent) => boolean
  onDragDrop?: (event: DragEvent) => Promise<boolean>
  onAdded?: (...args: unknown[]) => void
  onRemoved?: (...args: unknown[]) => void
  onConfigure?: (...args: unknown[]) => void
  onConnectionsChange?: (...args: unknown[]) => void
  onExecuted?: (output: Record<string, unknown>) => void
}

interface ComfyCanvas {
  canvas: HTMLCanvasElement
  read_only: boolean
  setDirty: (foreground: boolean, background: boolean) => void
  processMouseDown?: (event: PointerEvent) => void
  processMouseMove?: (event: PointerEvent) => void
  processMouseUp?: (event: PointerEvent) => void
  processMouseWheel?: (event: WheelEvent) => void
  processKey?: (event: KeyboardEvent) => void
  processContextMenu?: (node: ComfyNode, event: MouseEvent) => void
  adjustMouseEvent?: (event: MouseEvent) => void
}

interface ComfyChangeTracker {
  captureCanvasState?: () => void
  _restoringState?: boolean
}

interface ComfyOutput {
  filename?: unknown
  subfolder?: unknown
  type?: unknown
}

interface ComfyApp {
  canvas: ComfyCanvas
  rootGraph?: ComfyGraph
  graph: ComfyGraph
  nodeOutputs: Record<string, Record<string, unknown> | undefined>
  extensionManager: {
    setting: { get: (id: string) => unknown }
    toast: { add: (message: { severity: string, summary: string, detail: string }) => void }
    command: { execute: (id: string) => Promise<void> }
    workflow: { activeWorkflow?: { changeTracker?: ComfyChangeTracker } | null }
  }
  registerExtension: (extension: ComfyExtension) => void
}

interface ComfyApi extends EventTarget {
  apiURL: (route: string) => string
  fetchApi: (route: string, options?: RequestInit) => Promise<Response>
}

/** The host's form of an input: its type, then its options. */
type ComfyInputSpec = [type: unknown, options?: Record<string, unknown>]

interface ComfyNodeData {
  name: string
  input?: { required?: Record<string, ComfyInputSpec>; optional?: Record<string, ComfyInputSpec> }
}

type ComfyWidgetConstructor = (
  node: ComfyNode,
  name: string,
  spec: ComfyInputSpec
) => { widget: ComfyWidget; minWidth?: number; minHeight?: number }

interface ComfySetting {
  id: string
  category: string[]
  name: string
  tooltip: string
  type: string
  attrs: Record<string, unknown>
  defaultValue: unknown
}

interface ComfyExtension {
  name: string
  settings?: ComfySetting[]
  init?: () => void
  getCustomWidgets?: () => Record<string, ComfyWidgetConstructor>
  beforeRegisterNodeDef?: (type: unknown, data: ComfyNodeData) => void
  nodeCreated?: (node: ComfyNode) => void
}

declare const LiteGraph: { vueNodesMode?: boolean }

declare module '*/scripts/app.js' {
  export const app: ComfyApp
}

declare module '*/scripts/api.js' {
  export const api: ComfyApi
}

interface Window {
  comfyAPI?: { utils?: { applyTextReplacements?: (app: ComfyApp, text: string) => string } }
}
