/** The row above the drawing board: sizes, presets, the background, and what is shown. */

import { html, iconButton, set } from '../ui/dom.js'
import { ICONS } from '../ui/icons.js'
import { LENGTH, MOTIONS, SIZES, sizeName } from './presets.js'

/** @typedef {import('./presets.js').MotionName} MotionName */
/** @typedef {import('./stage.js').Model} Model */
/** @typedef {'graph' | 'file' | 'own' | 'none'} BackgroundChoice */

/**
 * @typedef {object} Actions
 * @property {(size: Readonly<{ width: number, height: number, length: number }>) => void} setSize
 * @property {(name: MotionName) => void} setMotion
 * @property {(choice: BackgroundChoice) => void} setBackground
 * @property {() => void} toggleField
 * @property {() => void} toggleOnion
 * @property {() => void} fitAlpha
 * @property {() => void} fitView
 */

/**
 * @param {import('../strings.js').Translate} t
 * @param {Actions} actions
 */
export function createToolbar(t, actions) {
  const sizes = SIZES.map((size) => ({ name: sizeName(size), size: { length: LENGTH, ...size } }))
  const sizeWords = sizes.map(({ name, size }) =>
    /** @type {const} */ ([name, `${size.width} × ${size.height} · ${size.length}`]))
  const size = menu('size', t('size'), t('sizeHint'), sizeWords)
  const motion = menu('motion', t('shape'), t('shapeHint'), MOTIONS.map(({ name }) => [name, t(name)]))
  const background = menu('background', t('background'), t('background'), [
    ['graph', t('backgroundGraph')],
    ['own', t('backgroundOwn')],
    ['file', t('backgroundFile')],
    ['none', t('backgroundNone')],
  ])
  const buttons = {
    field: iconButton(ICONS.field, t('field'), actions.toggleField),
    onion: iconButton(ICONS.onion, t('onion'), actions.toggleOnion),
    fitAlpha: iconButton(ICONS.fitAlpha, t('fitAlpha'), actions.fitAlpha),
    fitView: iconButton(ICONS.fitView, t('fitView'), actions.fitView),
  }
  for (const [name, button] of Object.entries(buttons)) set(button, { 'data-action': name })
  onChoice(size, (name) => {
    const chosen = sizes.find((each) => each.name === name)
    if (chosen) actions.setSize(chosen.size)
  })
  onChoice(motion, (name) => actions.setMotion(/** @type {MotionName} */ (name)))
  onChoice(background, (choice) => actions.setBackground(/** @type {BackgroundChoice} */ (choice)))
  const element = html('div', { class: 'bar toolbar', role: 'toolbar', 'aria-label': t('editor') },
    size, motion, background, html('span', { class: 'gap' }),
    html('span', { class: 'group' }, buttons.field, buttons.onion),
    html('span', { class: 'group' }, buttons.fitAlpha, buttons.fitView))

  /** @param {Model} model @param {BackgroundChoice} chosen @param {boolean} own  whether a picture has been given */
  function render({ field, onion, readOnly, picture }, chosen, own) {
    for (const option of background.options) set(option, { 'data-chosen': option.value === chosen })
    set(/** @type {Element} */ (background.options[2]), { hidden: !own })
    set(buttons.field, { 'aria-pressed': String(field) })
    set(buttons.onion, { 'aria-pressed': String(onion) })
    size.disabled = motion.disabled = readOnly
    buttons.fitAlpha.disabled = readOnly || !picture
  }

  return { element, render }
}

/**
 * A list whose choice is done at once and not kept; its first line names it.
 *
 * @param {string} field
 * @param {string} label
 * @param {string} hint
 * @param {readonly (readonly [value: string, text: string])[]} choices
 */
function menu(field, label, hint, choices) {
  return html('select', { 'data-field': field, 'aria-label': label, title: hint },
    html('option', { value: '', hidden: true, selected: true }, label),
    ...choices.map(([value, text]) => html('option', { value }, text)))
}

/** @param {HTMLSelectElement} list @param {(value: string) => void} choose */
function onChoice(list, choose) {
  list.addEventListener('change', () => {
    const { value } = list
    list.value = ''
    choose(value)
  })
  // At an arrow a closed list would do its first line, each time: it opens instead, as on a Mac.
  list.addEventListener('keydown', (event) => {
    if (!event.key.startsWith('Arrow') || !('showPicker' in list)) return
    event.preventDefault()
    list.showPicker()
  })
}
