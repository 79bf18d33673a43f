/**
 * `%date:yyyy-MM-dd%` and `%Node.widget%` in names: the page fills them in when a graph is queued, as for the host's own
 * savers. The host does so for a list of its nodes alone.
 */

const TOKEN = /%(?:date:[^%]*|[^%]+\.[^%]+)%/

/**
 * @param {ComfyApp} app
 * @param {ComfyNode} node
 */
export function fillTokens(app, node) {
  const widget = node.widgets?.find(({ name }) => name === 'filename_prefix')
  const fill = window.comfyAPI?.utils?.applyTextReplacements
  if (!widget || !fill) return
  widget.serializeValue = () => {
    const text = String(widget.value)
    return TOKEN.test(text) ? fill(app, text) : text
  }
}
