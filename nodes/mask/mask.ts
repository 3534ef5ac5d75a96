import { fault } from '../../runtime/core/fault.ts'
import { checkName, checkPath, nothing } from '../../runtime/core/labels/labels.ts'
import { protect, type ProtectedField } from '../../runtime/core/labels/protect.ts'
import { checkLinear } from '../../runtime/core/values/linear-regex.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { checkFieldPath, type Location, replaceFields } from '../shared/field-paths.ts'
import { compileMessageField, toQuery } from '../shared/vault/protected-fields.ts'
import { compileMask } from './mask-text.ts'

export interface MaskRow extends ProtectedField {
  readonly how: 'whole' | 'keep' | 'pattern'
  readonly first: number
  readonly last: number
  readonly pattern: string
}

export interface MaskConfig {
  readonly fields: readonly MaskRow[]
  readonly character: string
  readonly length: number
  readonly missing: 'ignore' | 'refuse'
}

const zh = (title: string, description?: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, ...(description ? { description } : {}), ...(choices ? { choices } : {}) } })

/** Hides characters of values, for good: nobody gets them back out of the message. */
export const mask = defineNode<MaskConfig, 'out'>({
  type: 'mask',
  category: 'protect',
  label: { en: 'mask', 'zh-TW': '遮罩' },
  summary: { en: 'Hides values, or all but their first and last characters, by path or by data label.', 'zh-TW': '依路徑或資料標籤遮蔽欄位的值，可保留前後幾個字元。' },
  icon: 'fa-eye-slash',
  outputs: ['out'],
  leaks: nothing,
  labels: ({ fields }, input, { node }) => protect(input, fields, { by: 'mask', flow: node.flow, node: node.id }),
  faults: ['field.missing', 'body.malformed', 'step.config', 'script.timeout'],
  config: {
    type: 'object',
    properties: {
      fields: {
        type: 'array', default: [{ by: 'path', field: '$.id', how: 'keep', first: 1, last: 2, pattern: '' }], maxItems: 100, title: 'Fields',
        description: 'By path: $.person.id and $.people[*].id are of the payload (RFC 9535), person.id of the message. By label: all places where data with this label may be. A list or an object is hidden as a whole.',
        'x-form': zh('欄位', '依路徑：$.person.id、$.people[*].id 指 payload（RFC 9535），person.id 指訊息。依標籤：所有可能帶有該標籤之處。清單與物件整個遮蔽。'),
        items: {
          type: 'object',
          properties: {
            by: { enum: ['path', 'label'], default: 'path', title: 'By', 'x-form': zh('依據', undefined, { path: '路徑', label: '標籤' }) },
            field: { type: 'string', default: '', title: 'Field', 'x-form': zh('欄位') },
            how: { enum: ['keep', 'whole', 'pattern'], default: 'keep', title: 'How', 'x-form': zh('方式', undefined, { keep: '保留前後', whole: '全部', pattern: '依樣式' }) },
            first: { type: 'integer', minimum: 0, maximum: 1000, default: 0, title: 'First', 'x-form': { when: { how: ['keep'] }, ...zh('保留前') } },
            last: { type: 'integer', minimum: 0, maximum: 1000, default: 0, title: 'Last', 'x-form': { when: { how: ['keep'] }, ...zh('保留後') } },
            pattern: { type: 'string', default: '', maxLength: 1000, title: 'Pattern', 'x-form': { when: { how: ['pattern'] }, ...zh('樣式') } },
          },
          required: ['field'],
        },
      },
      character: { type: 'string', default: '*', minLength: 1, maxLength: 8, title: 'Character', description: 'Stands for each that is hidden.', 'x-form': zh('字元', '代替每個被遮蔽的字元。') },
      length: { type: 'integer', minimum: 0, maximum: 100, default: 0, title: 'Always so many', description: 'So many stand for what is hidden, however much it was: the length is not told. 0: as many as there were.', 'x-form': zh('固定數量', '不論原值多長都以此數量代替，不透露長度。0：與原值相同。') },
      missing: {
        enum: ['ignore', 'refuse'], default: 'ignore', title: 'When there is none', description: 'refuse: 422 field.missing when a path finds nothing, or a label is known nowhere.',
        'x-form': zh('找不到欄位時', '拒絕：路徑找不到欄位時回 422 field.missing。', { ignore: '略過', refuse: '拒絕' }),
      },
    },
  },
  check({ fields, character }) {
    const problems: (NodeProblem | undefined)[] = []
    if (fields.length === 0) problems.push({ code: 'mask.nothing', severity: 'warning', property: 'fields', message: 'The mask node hides nothing.', remedy: 'Add a row for each field, by path or by data label.' })
    if (!isOneCharacter(character)) problems.push({ code: 'mask.character', property: 'character', message: `“${character}” is not one character.`, remedy: 'Enter one character such as *, X or ●.' })
    for (const { by, field, how, pattern } of fields) {
      if (by === 'label') problems.push(...checkName(field.trim(), 'fields'))
      else if (/^(?:msg\.)?req\b/.test(field.trim())) problems.push({ code: 'mask.request', property: 'fields', message: `“${field}” is of the request, which stays as it came.`, remedy: 'Copy the value to a property of the message by a change node, and mask it there.' })
      else problems.push(...checkPath(field, 'fields'), field.trim() === '' ? undefined : checkFieldPath(toQuery(field.trim()), 'fields'))
      if (how === 'pattern') problems.push(pattern === '' ? { code: 'mask.pattern', property: 'fields', message: `The field “${field}” is masked by a pattern, but has none.`, remedy: 'Enter a regular expression, or choose another way.' } : checkLinear(pattern, '', 'fields'))
    }
    return problems.filter((problem) => problem !== undefined)
  },
  compile({ fields, character, length, missing }, scope) {
    const compiled = fields.map((row) => ({ ...compileMessageField(row, scope.labels), hide: compileMask({ ...row, character, length }) }))
    const hideAll = compileMask({ how: 'whole', first: 0, last: 0, pattern: '', character, length })
    return (message) => {
      const changes: [Location, unknown][] = []
      for (const { text, locate, hide } of compiled) {
        const found = locate(message)
        if (missing === 'refuse' && found.length === 0) throw fault('field.missing', { path: text })
        for (const location of found) changes.push([location, 'whole' in location ? hideAll(location.value) : hide(location.value)])
      }
      return { out: replaceFields(message, changes) as Message }
    }
  },
})

function isOneCharacter(text: string): boolean {
  return [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)].length === 1
}
