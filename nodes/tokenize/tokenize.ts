import { nothing } from '../../runtime/core/labels/labels.ts'
import { protect } from '../../runtime/core/labels/protect.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { checkTypedValue, compileTypedValue, type ValueType } from '../../runtime/core/values/typed-value.ts'
import type { VaultAsk } from '../../runtime/core/secrets/vault.ts'
import type { FoundField } from '../shared/vault/vault-fields.ts'
import { checkDomain, checkFields, compileFields, domainNames, missingSchema, pathSchema, propertySchema, toField, toVaultValue } from '../shared/vault/vault-fields.ts'
import { refusalOf, vaultOf } from '../shared/vault/vault-of.ts'

export const modes = ['random', 'deterministic', 'shape', 'shape same', 'once', 'mask'] as const

export interface TokenizeConfig {
  readonly property: string
  readonly domain: string
  readonly fields: readonly TokenRow[]
  readonly missing: 'ignore' | 'refuse'
  readonly subject: string
  readonly subjectType: ValueType
}

export interface TokenRow {
  readonly by: 'path' | 'label'
  readonly path: string
  readonly mode: (typeof modes)[number]
  /** Empty: the node's. */
  readonly domain: string
  readonly keepLast: number
  /** 0: the domain's. */
  readonly ttlS: number
}

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })

/** Puts tokens of the vault in place of values. */
export const tokenize = defineNode<TokenizeConfig, 'out'>({
  type: 'tokenize',
  category: 'protect',
  label: { en: 'tokenize', 'zh-TW': '代碼化' },
  summary: { en: 'Puts tokens in place of sensitive values; the vault keeps what they stand for.', 'zh-TW': '以代碼取代敏感值；其所代表的值由保管庫保存。' },
  icon: 'fa-user-secret',
  color: '#C0DEED',
  outputs: ['out'],
  leaks: nothing,
  labels: ({ property, fields }, input, { node }) => fields.reduce((known, row) => protect(known, [toField(property, row)], { by: row.mode === 'mask' ? 'mask' : 'token', flow: node.flow, node: node.id }), input),
  vaultNames: ({ domain, fields }) => domainNames(domain, fields.filter(({ mode }) => mode !== 'mask')),
  faults: ['vault.unavailable', 'vault.too_large', 'field.missing', 'domain.unknown', 'domain.foreign', 'domain.shredded', 'token.no_room', 'body.malformed'],
  config: {
    type: 'object',
    properties: {
      property: propertySchema,
      domain: { type: 'string', default: '', title: 'Domain', description: 'Where tokens are unique, and what decides who may see the values: customers. Rows may name another.', 'x-form': zh('網域', '代碼在其中唯一，並決定誰可看到原值，例如 customers。各列可另行指定。') },
      fields: {
        type: 'array', default: [], title: 'Fields',
        description: 'By path: JSONPath (RFC 9535) such as $.people[*].id. By label: all places where data with this label (pid) may be. shape: length and kinds of characters stay, and no token passes for a card number; keep last: characters shown at the end. once: gone with the first look. mask: stars, and nothing is kept. Seconds: how long the token lives; 0: as the domain says.',
        'x-form': zh('欄位', '依路徑：JSONPath（RFC 9535），例如 $.people[*].id。依資料標籤：所有可能帶有該標籤（例如 pid）之處。保留格式：長度與字元種類不變，且代碼絕不會是有效卡號；保留末碼：尾端顯示的字元數。一次性：首次查看後即失效。遮罩：以星號取代，不保存原值。秒數：代碼的有效期限，0 表示依網域設定。'),
        items: {
          type: 'object',
          required: ['path'],
          properties: {
            by: { enum: ['path', 'label'], default: 'path', title: 'By', 'x-form': zh('依據', '', { path: '路徑', label: '資料標籤' }) },
            path: { ...pathSchema, title: 'Path or label', 'x-form': zh('路徑或標籤', '') },
            mode: { enum: modes, default: 'deterministic', title: 'Token', 'x-form': zh('代碼', '', { random: '隨機', deterministic: '同值同碼', shape: '保留格式', 'shape same': '保留格式、同值同碼', once: '一次性', mask: '僅遮罩' }) },
            keepLast: { type: 'integer', minimum: 0, maximum: 4, default: 0, title: 'Keep last', 'x-form': { when: { mode: ['shape', 'shape same', 'mask'] }, ...zh('保留末碼', '') } },
            domain: { type: 'string', default: '', title: 'Domain', 'x-form': zh('網域', '') },
            ttlS: { type: 'integer', minimum: 0, default: 0, title: 'Seconds', 'x-form': zh('秒數', '') },
          },
        },
      },
      subject: {
        type: 'string', default: '', title: 'About whom', description: 'Whom the values are about, such as payload.customerId: all of one can be shredded together. Empty: nobody in particular.',
        'x-form': zh('當事人', '這些值屬於誰，例如 payload.customerId；同一人的資料可一併銷毀。留空：不指定。'),
      },
      subjectType: { enum: ['msg', 'str', 'jsonata'], default: 'msg' },
      missing: missingSchema,
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = checkFields(config.property, config.fields)
    for (const [index, row] of config.fields.entries()) {
      if (row.mode !== 'mask') problems.push(checkDomain(row.domain || config.domain, row.domain ? 'fields' : 'domain', `Row ${index + 1}`))
    }
    if (config.subject.trim() !== '') problems.push(checkTypedValue(config.subject, config.subjectType, 'subject'))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const fields = compileFields(config.property, config.fields, config.missing, scope.labels)
    const vault = config.fields.some((row) => row.mode !== 'mask') ? vaultOf(scope) : undefined
    const subject = config.subject.trim() === '' ? undefined : await compileTypedValue(config.subject, config.subjectType, scope)

    async function ask(message: Message, run: Run, found: readonly FoundField<TokenRow>[]) {
      const toAsk = found.filter(({ row }) => row.mode !== 'mask')
      if (!vault || toAsk.length === 0) return new Map<FoundField<TokenRow>, string>()
      const about = subject === undefined ? undefined : toSubject(await subject.evaluate(message, run))
      const answers = await vault.ask(toAsk.map(({ row, location }) => toAsked(row, row.domain || config.domain, location.value, about)), { deadline: run.deadline })
      return new Map(toAsk.map((field, place) => {
        const answer = answers[place]
        const refused = answer && refusalOf(answer, field.text)
        if (refused) throw refused
        return [field, (answer as { readonly token: string }).token]
      }))
    }

    return async function tokenize(message, run) {
      // Nothing stands for nothing.
      const found = fields.find(message).filter(({ location }) => location.value !== null && location.value !== undefined)
      const tokens = await ask(message, run, found)
      return { out: fields.replace(message, found.map((field) => [field.location, tokens.get(field) ?? toMasked(field.location.value, field.row.keepLast)])) }
    }
  },
})

function toAsked({ mode, keepLast, ttlS }: TokenRow, domain: string, value: unknown, subject: string | undefined): VaultAsk {
  const shape = mode === 'shape' || mode === 'shape same'
  return {
    do: 'tokenize',
    domain,
    mode: shape ? 'shape' : (mode as 'random' | 'deterministic' | 'once'),
    ...toVaultValue(value),
    ...(shape && keepLast > 0 ? { keepLast } : {}),
    ...(mode === 'shape same' ? { same: true } : {}),
    ...(ttlS > 0 ? { ttlS } : {}),
    ...(subject === undefined ? {} : { subject }),
  }
}

function toSubject(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) || undefined : undefined
}

/** Stars in place of characters, but for the last of a value that has more. */
function toMasked(value: unknown, keepLast: number): string {
  const shown = Array.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
  const kept = shown.length > keepLast ? keepLast : 0
  return '*'.repeat(shown.length - kept) + shown.slice(shown.length - kept).join('')
}
