/** The selected ellipse as a name and numbers, lengths in pixels. */

import { MAX_NAME_CHARACTERS, RANGES } from './drawing.js'
import { html, iconButton, set } from '../ui/dom.js'
import { ICONS } from '../ui/icons.js'
import { poseNow, selectedEllipse } from './state.js'
import { nameOf } from './stage.js'

/** @typedef {import('./drawing.js').Pose} Pose */
/** @typedef {import('./stage.js').Model} Model */
/** @typedef {import('./state.js').Clip} Clip */
/** @typedef {import('./state.js').Event} Event */

/** What is shown: a value times the frame's side, in steps, with digits.
 * @type {Readonly<Record<keyof Pose, { side?: 'width' | 'height', step: number, digits: number }>>} */
const FIELDS = {
  cx: { side: 'width', step: 1, digits: 2 },
  cy: { side: 'height', step: 1, digits: 2 },
  rx: { side: 'width', step: 1, digits: 2 },
  ry: { side: 'height', step: 1, digits: 2 },
  angle: { step: 1, digits: 2 },
  softness: { step: 0.05, digits: 3 },
  weight: { step: 0.05, digits: 3 },
}

/**
 * @param {import('../strings.js').Translate} t
 * @param {(event: Event) => void} act  a step of its own
 * @param {(event: Event) => void} nudge  one of many that make a step together
 */
export function createInspector(t, act, nudge) {
  /** @type {Model | null} */
  let shown = null
  const choice = html('select', { 'data-field': 'ellipse', 'aria-label': t('ellipse'), title: t('ellipse') })
  const name = html('input', {
    type: 'text', 'data-field': 'name', 'aria-label': t('name'), placeholder: t('name'), maxlength: MAX_NAME_CHARACTERS,
  })
  const buttons = {
    addEllipse: iconButton(ICONS.add, t('addEllipse'), () => act({ type: 'add' })),
    duplicateEllipse: iconButton(ICONS.duplicate, t('duplicateEllipse'), () => act({ type: 'duplicate' })),
    removeEllipse: iconButton(ICONS.remove, t('removeEllipse'), () => act({ type: 'remove' })),
  }
  for (const [action, button] of Object.entries(buttons)) set(button, { 'data-action': action })
  choice.addEventListener('change', () => act({ type: 'select', id: choice.value }))
  name.addEventListener('change', () => act({ type: 'rename', name: name.value }))

  const inputs = Object.entries(FIELDS).map(([key, { step }]) => {
    const input = html('input', { type: 'number', step, class: 'number', 'data-field': key })
    const pose = /** @type {keyof Pose} */ (key)
    input.addEventListener('input', () => changed(pose, input))
    input.addEventListener('change', () => shown && renderNumber(pose, input, shown))
    return /** @type {const} */ ([pose, input])
  })
  const element = html('section', { class: 'inspector', 'aria-label': t('ellipse') },
    html('div', { class: 'bar' }, choice, name,
      html('span', { class: 'group' }, buttons.addEllipse, buttons.duplicateEllipse, buttons.removeEllipse)),
    html('div', { class: 'numbers' }, ...inputs.map(([key, input]) =>
      html('label', { title: t(`${key}Hint`) }, html('span', {}, t(key)), input))))

  /** @param {keyof Pose} key @param {HTMLInputElement} input */
  function changed(key, input) {
    if (!shown) return
    const { state } = shown
    const one = unit(key, state.clip)
    const value = input.valueAsNumber / one
    const [low, high] = RANGES[key]
    const fits = low <= value && value <= high
    markRange(input, fits, t('valueRange', { label: t(key), low: low * one, high: high * one }))
    if (fits) nudge({ type: 'pose', id: state.selected, pose: { [key]: value } })
  }

  /** @param {Model} model */
  function render(model) {
    shown = model
    const { state, readOnly } = model
    const { ellipses } = state.drawing
    const options = ellipses.map((each, k) => `${k + 1}  ${nameOf(each, k, t)}`)
    if (options.join('\n') !== [...choice.options].map(({ text }) => text).join('\n')) {
      choice.replaceChildren(...ellipses.map(({ id }, k) => html('option', { value: id }, options[k] ?? '')))
    }
    choice.value = state.selected
    if (name !== document.activeElement || name.dataset.of !== state.selected) {
      name.value = name.defaultValue = selectedEllipse(state).name
    }
    name.dataset.of = state.selected
    for (const [key, input] of inputs) {
      input.disabled = readOnly
      if (input !== document.activeElement || !isTyped(key, input, model)) renderNumber(key, input, model)
    }
    name.disabled = readOnly
    buttons.addEllipse.disabled = buttons.duplicateEllipse.disabled = readOnly
    buttons.removeEllipse.disabled = readOnly || ellipses.length === 1
  }

  return { element, render }
}

/** @param {keyof Pose} key @param {HTMLInputElement} input @param {Model} model */
function renderNumber(key, input, { state }) {
  const value = poseNow(state, selectedEllipse(state))[key] * unit(key, state.clip)
  const text = String(Number(value.toFixed(FIELDS[key].digits)))
  if (input.value !== text) input.value = text
  markRange(input, true, '')
}

/** Whether what stands in a field is the value, however it is written, or cannot be one: it is left to the typist.
 * @param {keyof Pose} key @param {HTMLInputElement} input @param {Model} model */
function isTyped(key, input, { state }) {
  const value = poseNow(state, selectedEllipse(state))[key] * unit(key, state.clip)
  return input.validationMessage !== '' || Math.abs(input.valueAsNumber - value) < 10 ** -FIELDS[key].digits
}

/** @param {HTMLInputElement} input @param {boolean} fits @param {string} reason */
function markRange(input, fits, reason) {
  input.setCustomValidity(fits ? '' : reason)
  set(input, { 'aria-invalid': fits ? null : 'true', title: fits ? null : reason })
}

/** @param {keyof Pose} key @param {Clip} clip */
function unit(key, clip) {
  const { side } = FIELDS[key]
  return side ? clip[side] : 1
}
