// A blind comparison: the same clip by several methods, lettered, playing in step; the viewer gives each a rank.

/** @typedef {{name: string, candidates: string[][]}} Clip the frames of each candidate, as addresses of pictures */
/** @typedef {{trial: string, fps: number, questions: Record<string, string>, clips: Clip[]}} Trial */
/** @typedef {(number | null)[]} Ranks 1 = best, of each candidate in the order shown; null = not yet */
/** @typedef {Record<string, Record<string, Ranks>>} Answers by clip, by question */

/** @param {number} index */
export const letter = (index) => String.fromCharCode(65 + index)

/**
 * No ranks yet.
 * @param {Trial} trial
 * @returns {Answers}
 */
export function unanswered(trial) {
  const questions = Object.keys(trial.questions)
  return Object.fromEntries(
    trial.clips.map((clip) => [
      clip.name,
      Object.fromEntries(questions.map((question) => [question, clip.candidates.map(() => null)])),
    ]),
  )
}

/**
 * A rank is held by one candidate: whoever had it before loses it.
 * @param {Ranks} ranks
 * @param {number} candidate
 * @param {number | null} rank
 * @returns {Ranks}
 */
export const ranked = (ranks, candidate, rank) =>
  ranks.map((held, index) => (index === candidate ? rank : held === rank ? null : held))

/**
 * How many ranks are still to be given.
 * @param {Answers} answers
 */
export const missing = (answers) =>
  Object.values(answers)
    .flatMap((questions) => Object.values(questions).flat())
    .filter((rank) => rank === null).length

/**
 * The file that the viewer hands back.
 * @param {Trial} trial
 * @param {Answers} answers
 */
export const saved = (trial, answers) => JSON.stringify({ trial: trial.trial, ranks: answers }, null, 1)

/**
 * The element with this id, of this kind.
 * @template {HTMLElement} E
 * @param {Document} page
 * @param {string} id
 * @param {new () => E} kind
 * @returns {E}
 */
function part(page, id, kind) {
  const found = page.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} called ${id}.`)
  return found
}

/** @param {Document} page */
export async function start(page) {
  /** @type {Trial} */
  const trial = JSON.parse(part(page, 'trial', HTMLScriptElement).textContent ?? '')
  let answers = unanswered(trial)
  let shown = 0
  let playing = true
  /** @type {{context: CanvasRenderingContext2D, pictures: HTMLImageElement[]}[]} */
  let candidates = []

  const title = part(page, 'title', HTMLHeadingElement)
  const stage = part(page, 'candidates', HTMLDivElement)
  const play = part(page, 'play', HTMLButtonElement)
  const slider = part(page, 'frame', HTMLInputElement)
  const background = part(page, 'background', HTMLSelectElement)
  const questions = part(page, 'questions', HTMLDivElement)
  const back = part(page, 'back', HTMLButtonElement)
  const next = part(page, 'next', HTMLButtonElement)
  const save = part(page, 'save', HTMLButtonElement)
  const left = part(page, 'left', HTMLSpanElement)

  /** @param {number} frame */
  function draw(frame) {
    slider.value = String(frame)
    for (const { context, pictures } of candidates) {
      const picture = pictures[Math.min(frame, pictures.length - 1)]
      context.clearRect(0, 0, context.canvas.width, context.canvas.height)
      if (picture) context.drawImage(picture, 0, 0)
    }
  }

  function tell() {
    const count = missing(answers)
    left.textContent = count ? `${count} ranks to give` : 'complete'
    save.disabled = count > 0
  }

  /** @param {Clip} clip */
  function ask(clip) {
    questions.replaceChildren(
      ...Object.entries(trial.questions).map(([question, text]) => {
        const group = page.createElement('fieldset')
        const legend = page.createElement('legend')
        legend.textContent = `${text} 1 = best`
        const choices = clip.candidates.map((_, candidate) => {
          const choice = page.createElement('select')
          choice.name = `${question} ${letter(candidate)}`
          choice.append(new Option('-', ''))
          for (let rank = 1; rank <= clip.candidates.length; rank++) choice.append(new Option(String(rank)))
          choice.addEventListener('change', () => {
            const given = answers[clip.name]?.[question] ?? []
            const ranks = ranked(given, candidate, choice.value ? Number(choice.value) : null)
            answers = { ...answers, [clip.name]: { ...answers[clip.name], [question]: ranks } }
            show(ranks)
            tell()
          })
          return choice
        })
        /** @param {Ranks} ranks */
        const show = (ranks) => choices.forEach((choice, index) => (choice.value = String(ranks[index] ?? '')))
        show(answers[clip.name]?.[question] ?? [])
        const labels = choices.map((choice, index) => {
          const label = page.createElement('label')
          label.append(`${letter(index)} `, choice)
          return label
        })
        group.append(legend, ...labels)
        return group
      }),
    )
  }

  async function open() {
    const clip = trial.clips[shown]
    if (!clip) return
    title.textContent = `${shown + 1} of ${trial.clips.length}: ${clip.name}`
    back.disabled = shown === 0
    next.disabled = shown === trial.clips.length - 1
    ask(clip)
    tell()
    const loaded = await Promise.all(clip.candidates.map((frames) => Promise.all(frames.map(picture))))
    if (trial.clips[shown] !== clip) return
    stage.replaceChildren()
    candidates = loaded.map((pictures, index) => {
      const canvas = page.createElement('canvas')
      canvas.width = pictures[0]?.width ?? 0
      canvas.height = pictures[0]?.height ?? 0
      const caption = page.createElement('figcaption')
      caption.textContent = letter(index)
      const ground = page.createElement('div')
      ground.append(canvas)
      const figure = page.createElement('figure')
      figure.append(caption, ground)
      stage.append(figure)
      const context = canvas.getContext('2d')
      if (!context) throw new Error('This browser cannot draw on a canvas.')
      return { context, pictures }
    })
    slider.max = String(Math.max(...loaded.map((pictures) => pictures.length)) - 1)
    paint()
    draw(0)
  }

  /** @param {string} address */
  async function picture(address) {
    const image = new Image()
    image.src = address
    await image.decode()
    return image
  }

  function paint() {
    for (const { context } of candidates) {
      if (context.canvas.parentElement) context.canvas.parentElement.className = background.value
    }
  }

  /** @param {boolean} on */
  function setPlaying(on) {
    playing = on
    play.textContent = on ? 'Pause' : 'Play'
  }

  /** @param {number} to */
  async function go(to) {
    shown = to
    await open()
  }

  play.addEventListener('click', () => setPlaying(!playing))
  slider.addEventListener('input', () => {
    setPlaying(false)
    draw(Number(slider.value))
  })
  background.addEventListener('change', paint)
  back.addEventListener('click', () => go(shown - 1))
  next.addEventListener('click', () => go(shown + 1))
  save.addEventListener('click', () => {
    const link = page.createElement('a')
    link.href = URL.createObjectURL(new Blob([saved(trial, answers)], { type: 'application/json' }))
    link.download = `ranks_${trial.trial}.json`
    link.click()
    URL.revokeObjectURL(link.href)
  })

  await open()
  setInterval(() => {
    if (playing) draw((Number(slider.value) + 1) % (Number(slider.max) + 1))
  }, 1000 / trial.fps)
}

if (typeof document !== 'undefined') start(document)
