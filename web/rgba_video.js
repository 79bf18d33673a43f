/** Registers the web parts with ComfyUI: the only file that imports it. */

import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'
import { ellipseWidgets } from './host_bridge.js'
import { fillTokens } from './name_tokens.js'
import { addPlayer } from './preview_bridge.js'
import { CLIP_MEMORY } from './settings.js'
import { addStillUpload } from './still_upload.js'

const ELLIPSES = 'RGBA_ELLIPSE_EDITOR'

app.registerExtension({
  name: 'RGBAVideo',

  settings: [CLIP_MEMORY],

  init() {
    for (const sheet of ['./ui/widget.css', './ellipses/editor.css', './preview/player.css']) {
      const href = new URL(sheet, import.meta.url).href
      document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href }))
    }
  },

  getCustomWidgets: () => ({ [ELLIPSES]: ellipseWidgets(app, api, ELLIPSES) }),

  /** The node asks for plain text; where this file runs, the text is drawn. Without it a text field stands there. */
  beforeRegisterNodeDef(_, { name, input }) {
    const spec = input?.required?.ellipses ?? input?.optional?.ellipses
    const options = name === 'RGBAEllipseEditor' && spec?.[1]
    if (!options) return
    options.widgetType = ELLIPSES
    delete options.tooltip // Nodes 2.0 would hold it beside the drawing all the time
  },

  nodeCreated(node) {
    if (node.comfyClass?.startsWith('RGBA')) fillTokens(app, node)
    if (node.comfyClass === 'RGBAPreview') addPlayer(app, api, node)
    if (node.comfyClass === 'RGBALoadSequence') addStillUpload(app, api, node)
  },
})
