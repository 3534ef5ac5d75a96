import { html, type Html, type HtmlValue } from '../html.ts'

/** What stands in a form: its fields as a browser sends them. Names are paths into the record: `quotas.0.limit`. */
export type Fields = URLSearchParams

export interface FieldOptions {
  readonly hint?: string
  readonly required?: boolean
  readonly type?: 'text' | 'number' | 'datetime-local' | 'time' | 'search'
  readonly min?: number
  readonly max?: number
  /** Any fraction instead of whole numbers. */
  readonly fractions?: boolean
  readonly maxLength?: number
  /** Id of a datalist. */
  readonly list?: string
  readonly rows?: number
}

export interface Choice {
  readonly value: string
  readonly text: string
}

/**
 * Draws the fields of one form with what was typed and with what was found wrong beside the field it concerns. Ask
 * `summary` after the fields: it lists every problem, those without a field included. Ids of fields begin with `prefix`.
 */
export interface FormView {
  input(name: string, label: string, options?: FieldOptions): Html
  area(name: string, label: string, options?: FieldOptions): Html
  select(name: string, label: string, choices: readonly Choice[], options?: FieldOptions): Html
  /** One box; sends `yes`. */
  check(name: string, label: string, options?: FieldOptions): Html
  /** Several boxes of one name. */
  checks(name: string, legend: string, choices: readonly Choice[], options?: FieldOptions): Html
  /** Fields that belong together. */
  group(name: string, legend: string, content: HtmlValue, hint?: string): Html
  /** What is wrong, with a link to each field; nothing when nothing is. */
  summary(intro: string): Html | undefined
}

export interface FormProblem {
  /** Name of a field, or of something that holds fields. */
  readonly at: string
  readonly text: string
}

export function createFormView(values: Fields, problems: readonly FormProblem[], optionalWord: string, prefix = 'f'): FormView {
  const links = new Map<FormProblem, { id: string; label: string }>()
  const idOf = (name: string) => `${prefix}-${name.replace(/[^\w-]/g, '-')}`

  /** What a screen reader says with the field. */
  function described(name: string, hint: string | undefined, found: readonly FormProblem[]): Html {
    const ids = [...(hint ? [`${idOf(name)}-hint`] : []), ...(found.length > 0 ? [`${idOf(name)}-error`] : [])]
    return html`${found.length > 0 && html` aria-invalid="true"`}${ids.length > 0 && html` aria-describedby="${ids.join(' ')}"`}`
  }

  function below(name: string, hint: string | undefined, found: readonly FormProblem[]): Html {
    return html`${hint && html`<p class="hint" id="${idOf(name)}-hint">${hint}</p>`}${found.length > 0 && html`<p class="error" id="${idOf(name)}-error">${found.map((one) => one.text).join(' ')}</p>`}`
  }

  /** Problems of a field: its own and those of what it holds (a line of a text area). */
  function problemsAt(name: string, label: string, deep: boolean): readonly FormProblem[] {
    const found = problems.filter((one) => !links.has(one) && (one.at === name || (deep && one.at.startsWith(`${name}.`))))
    for (const one of found) links.set(one, { id: idOf(name), label })
    return found
  }

  const field = (name: string, label: string, { hint, required, plain }: FieldOptions & { readonly plain?: boolean }, draw: (attributes: Html) => Html) => {
    const found = problemsAt(name, label, true)
    return html`<div class="field"><label for="${idOf(name)}">${label}${!required && !plain && html` <span class="soft">(${optionalWord})</span>`}</label>
${draw(html`id="${idOf(name)}" name="${name}"${required && html` required`}${described(name, hint, found)}`)}${below(name, hint, found)}</div>`
  }

  return {
    input: (name, label, options = {}) => field(name, label, options, (attributes) => {
      const { type = 'text', min, max, maxLength, list, fractions } = options
      return html`<input ${attributes} type="${type}" value="${values.get(name) ?? ''}"${min !== undefined && html` min="${min}"`}${max !== undefined && html` max="${max}"`}${type === 'number' && html` step="${fractions ? 'any' : 1}" inputmode="${fractions ? 'decimal' : 'numeric'}"`}${maxLength !== undefined && html` maxlength="${maxLength}"`}${list && html` list="${list}"`} autocomplete="off" spellcheck="false">`
    }),
    area: (name, label, options = {}) => field(name, label, options, (attributes) => html`<textarea ${attributes} rows="${options.rows ?? 3}">${values.get(name) ?? ''}</textarea>`),
    select: (name, label, choices, options = {}) => field(name, label, { ...options, plain: true }, (attributes) => html`<select ${attributes}>${choices.map(({ value, text }) => html`<option value="${value}"${value === (values.get(name) ?? '') && html` selected`}>${text}</option>`)}</select>`),
    check: (name, label, { hint } = {}) => {
      const found = problemsAt(name, label, true)
      return html`<div class="field"><label class="check"><input type="checkbox" id="${idOf(name)}" name="${name}" value="yes"${values.get(name) === 'yes' && html` checked`}${described(name, hint, found)}>${label}</label>${below(name, hint, found)}</div>`
    },
    checks: (name, legend, choices, { hint } = {}) => {
      const found = problemsAt(name, legend, true)
      const chosen = values.getAll(name)
      return html`<fieldset class="checks" id="${idOf(name)}" tabindex="-1"${described(name, hint, found)}><legend>${legend}</legend>${choices.map(({ value, text }) => html`<label class="check"><input type="checkbox" name="${name}" value="${value}"${chosen.includes(value) && html` checked`}>${text}</label>`)}${below(name, hint, found)}</fieldset>`
    },
    group: (name, legend, content, hint) => {
      const found = problemsAt(name, legend, false)
      return html`<fieldset id="${idOf(name)}" tabindex="-1"${described(name, hint, found)}><legend>${legend}</legend>${below(name, hint, found)}${content}</fieldset>`
    },
    summary(intro) {
      if (problems.length === 0) return undefined
      return html`<div class="notice bad" role="alert"><p>${intro}</p><ul>${problems.map((one) => {
        const link = links.get(one)
        return html`<li>${link ? html`<a href="#${link.id}">${link.label}</a>: ` : one.at && html`<code>${one.at}</code>: `}${one.text}</li>`
      })}</ul></div>`
    },
  }
}
