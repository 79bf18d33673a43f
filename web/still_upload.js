/**
 * Stills for the sequence loader, chosen with a button or dropped on the node, as files or as a folder. They go into a
 * folder of their own below the host's input folder, and the node's menu gets its name.
 */

import { translator } from './strings.js'

/** @typedef {{ file: File, folder: string }} Still  a file, and the folder inside the dropped one that holds it */

const SUFFIXES = ['.png', '.exr', '.tif', '.tiff', '.tga', '.json']
const NUMBER_AND_SUFFIX = /[._-]?\d*_?\.[a-z]+$/i
const NAMELESS = 'stills'

/**
 * @param {ComfyApp} app
 * @param {ComfyApi} api
 * @param {ComfyNode} node
 */
export function addStillUpload(app, api, node) {
  const t = translator(String(app.extensionManager.setting.get('Comfy.Locale') ?? 'en'))
  const menu = node.widgets?.find(({ name }) => name === 'file')
  if (!menu) return
  const chooser = document.createElement('input')
  Object.assign(chooser, { type: 'file', multiple: true, accept: SUFFIXES.join() })
  const button = node.addWidget('button', 'upload', '', () => chooser.click(), { serialize: false })
  button.serialize = false
  button.label = t('uploadStills')

  /** @param {string} wanted @param {Still[]} stills */
  const take = async (wanted, stills) => {
    const known = menu.options?.values ?? []
    const name = freeName(wanted || nameOf(stills), known)
    try {
      for (const [index, still] of stills.entries()) {
        button.label = t('uploading', { done: index + 1, all: stills.length })
        app.canvas.setDirty(true, true)
        await upload(api, name, still)
      }
    } catch (problem) {
      app.extensionManager.toast.add({ severity: 'error', summary: t('uploadStills'), detail: String(problem) })
      return
    } finally {
      button.label = t('uploadStills')
      app.canvas.setDirty(true, true)
    }
    known.push(name)
    menu.value = name
    menu.callback?.(name)
    app.extensionManager.workflow.activeWorkflow?.changeTracker?.captureCanvasState?.()
  }

  chooser.addEventListener('change', () => {
    const stills = onlyStills([...(chooser.files ?? [])].map((file) => ({ file, folder: '' })))
    chooser.value = '' // or the same files could not be chosen again
    if (stills.length > 0) void take('', stills)
  })
  node.onDragOver = (event) => event.dataTransfer?.types.includes('Files') ?? false
  node.onDragDrop = async (event) => {
    const { name, files } = dropped(event.dataTransfer) // at once: afterwards the browser forgets what was dropped
    const stills = onlyStills(await files)
    if (stills.length > 0) await take(name, stills)
    return stills.length > 0
  }
}

/** @param {ComfyApi} api @param {string} name @param {Still} still */
async function upload(api, name, { file, folder }) {
  const body = new FormData()
  body.append('image', file, file.name)
  body.append('subfolder', folder ? `${name}/${folder}` : name)
  body.append('type', 'input')
  const answer = await api.fetchApi('/upload/image', { method: 'POST', body })
  if (!answer.ok) throw new Error(`${file.name}: ${answer.status} ${answer.statusText}`)
}

/** @param {Still[]} stills */
function onlyStills(stills) {
  return stills
    .filter(({ file }) => SUFFIXES.some((suffix) => file.name.toLowerCase().endsWith(suffix)))
    .toSorted((one, other) => one.file.name.localeCompare(other.file.name, 'en', { numeric: true }))
}

/** What the stills are called without their numbers. @param {Still[]} stills */
export function nameOf(stills) {
  const picture = stills.find(({ file }) => !file.name.endsWith('.json')) ?? stills[0]
  return picture?.file.name.replace(NUMBER_AND_SUFFIX, '') || NAMELESS
}

/** A name that no sequence and no folder of passes has. @param {string} name @param {readonly string[]} taken */
export function freeName(name, taken) {
  for (let k = 1; ; k++) {
    const next = k === 1 ? name : `${name}_${k}`
    if (!taken.some((one) => one === next || one.startsWith(`${next}/`))) return next
  }
}

/** The name of a dropped folder, and all files. @param {DataTransfer | null} data
 * @returns {{ name: string, files: Promise<Still[]> }} */
function dropped(data) {
  const entries = [...(data?.items ?? [])].flatMap((item) => item.webkitGetAsEntry?.() ?? [])
  if (entries.length === 0) {
    const files = [...(data?.files ?? [])].map((file) => ({ file, folder: '' }))
    return { name: '', files: Promise.resolve(files) }
  }
  const [first] = entries
  const root = entries.length === 1 && first?.isDirectory ? first : null
  const parts = entries.map((entry) => filesIn(entry, root ? entry.fullPath : ''))
  return { name: root?.name ?? '', files: Promise.all(parts).then((each) => each.flat()) }
}

/** @param {FileSystemEntry} entry @param {string} root @returns {Promise<Still[]>} */
async function filesIn(entry, root) {
  if (entry.isFile) {
    const one = /** @type {FileSystemFileEntry} */ (entry)
    const file = await new Promise((done, fail) => one.file(done, fail))
    const folder = entry.fullPath.slice(root.length, -entry.name.length)
    return [{ file, folder: folder.replace(/^\/|\/$/g, '') }]
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader()
  /** @type {FileSystemEntry[]} */
  const inside = []
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const part = await new Promise((done, fail) => reader.readEntries(done, fail))
    if (part.length === 0) break
    inside.push(...part)
  }
  return (await Promise.all(inside.map((each) => filesIn(each, root)))).flat()
}
