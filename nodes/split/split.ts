import { randomBytes } from 'node:crypto'
import { unionOf } from '../../runtime/core/labels/label-map.ts'
import { every, labelPathOf } from '../../runtime/core/labels/label-path.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import { putAt } from '../../runtime/core/labels/names.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { type Cut, cutBytes, cutList, cutText, within } from './pieces.ts'

export interface SplitConfig {
  readonly splt: string
  readonly spltType: 'str' | 'bin' | 'len'
  readonly arraySplt: number
  readonly stream: boolean
  readonly addname: string
  readonly property: string
}

/** What a stream left over from the message before, within one run. */
interface Stream {
  index: number
  text: string
  bytes: Buffer
  id: string
}

/** Makes a sequence of messages from one. */
export const split = defineNode<SplitConfig, 'out'>({
  type: 'split',
  category: 'sequence',
  label: { en: 'split', 'zh-TW': '拆分' },
  summary: { en: 'Splits a message into a sequence of messages.', 'zh-TW': '將一則訊息拆成一串訊息。' },
  icon: 'split.svg',
  stockForm: 'sequence/17-split',
  outputs: ['out'],
  leaks: nothing,
  labels({ property, addname }, input) {
    const path = labelPathOf(property)
    if (!path) return input.anywhere
    const whole = input.at(path)
    // Text and bytes fall into pieces, lists into items or shorter lists, objects into their fields.
    const piece = whole.at([every])
    const pieces = unionOf([piece, piece.under([every]), whole.filter((entry) => entry.path.length === 0)])
    const parts = whole.filter((entry) => entry.path.length === 0).under(['parts'])
    const out = input.put(path, pieces).and(parts)
    return addname === '' ? out : out.and(putAt(out, addname, whole.filter((entry) => entry.path.length === 0).anywhere))
  },
  pure: false,
  faults: ['flow.sequence_too_large'],
  config: {
    type: 'object',
    properties: {
      splt: { type: 'string', default: '\\n', description: 'Separator or length for text and bytes.' },
      spltType: { enum: ['str', 'bin', 'len'], default: 'str' },
      arraySplt: { type: 'integer', minimum: 1, default: 1, description: 'Items of an array per message.' },
      stream: { type: 'boolean', default: false, description: 'Messages of one run are one stream.' },
      addname: { type: 'string', default: '', description: 'Where the key goes when an object is split.' },
      property: { type: 'string', default: 'payload' },
    },
  },
  migrate(config) {
    const { arraySplt, splt, property, arraySpltType: _, ...rest } = config
    const items = Number.parseInt(String(arraySplt), 10)
    return {
      ...rest,
      ...(arraySplt === undefined || arraySplt === '' ? {} : { arraySplt: Number.isNaN(items) ? arraySplt : items }),
      ...(splt === undefined || splt === '' ? {} : { splt: String(splt) }),
      ...(property === undefined || property === '' ? {} : { property }),
    }
  },
  check(config) {
    const problems: NodeProblem[] = []
    if (toCut(config) === undefined) {
      const what = config.spltType === 'bin' ? 'a JSON array of bytes' : 'a length above 0'
      problems.push({ code: 'split.separator', property: 'splt', message: `“${config.splt}” is not ${what}.`, remedy: config.spltType === 'bin' ? 'Write it like [13, 10].' : 'Enter a whole number.' })
    }
    for (const property of ['property', 'addname'] as const) {
      const problem = config[property] === '' ? undefined : checkTypedValue(config[property], 'msg', property)
      if (problem) problems.push(problem)
    }
    return problems
  },
  compile(config, scope) {
    const cut = toCut(config) as Cut
    const path = parseMessagePath(config.property)
    const namePath = config.addname === '' ? undefined : parseMessagePath(config.addname)
    const separator = config.spltType === 'bin' ? [...(cut as { bytes: Buffer }).bytes] : (cut as { text?: string }).text
    const ofCut = cut.by === 'length' ? { len: cut.length } : { ch: separator }

    return (message, run) => {
      const value = getProperty(message, path)
      if (value === undefined || value === null) return undefined
      const stream = config.stream ? run.state(scope.node, newStream) : undefined
      if (typeof value === 'string') {
        const pieces = cutText((stream?.text ?? '') + value, cut)
        if (stream) stream.text = keepsRest(pieces.at(-1)?.length ?? 0, cut) ? (pieces.pop() as string) : ''
        return send(message, pieces, { type: 'string', ...(cut.by === 'length' ? { ch: '' } : {}), ...ofCut }, stream)
      }
      if (value instanceof Uint8Array) {
        const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
        const { pieces, endsWithSeparator } = cutBytes(stream ? Buffer.concat([stream.bytes, bytes]) : bytes, cut)
        if (stream) stream.bytes = !endsWithSeparator && keepsRest(pieces.at(-1)?.length ?? 0, cut) ? (pieces.pop() as Buffer) : Buffer.alloc(0)
        return send(message, pieces, { type: 'buffer', ...ofCut }, stream)
      }
      if (Array.isArray(value)) return send(message, cutList(value, config.arraySplt), { type: 'array', len: config.arraySplt }, undefined)
      if (typeof value !== 'object') return undefined
      const entries = Object.entries(value)
      within(entries.length)
      return send(message, entries.map(([, item]) => item as unknown), { type: 'object' }, undefined, entries.map(([key]) => key))
    }

    function send(message: Message, pieces: readonly unknown[], facts: Record<string, unknown>, stream: Stream | undefined, keys?: readonly string[]): { out: Message[] } {
      const { _msgid: _, parts: outer, ...rest } = message
      const common = {
        ...(outer === undefined ? {} : { parts: outer }),
        id: stream?.id ?? newId(),
        ...(config.property === 'payload' ? {} : { property: config.property }),
        ...facts,
      }
      const out: Message[] = []
      for (const [index, piece] of pieces.entries()) {
        const key = keys?.[index]
        const parts = { ...common, ...(key === undefined ? {} : { key }), index: stream ? stream.index++ : index, ...(stream ? {} : { count: pieces.length }) }
        let part: Message | undefined = setProperty({ ...rest, parts }, path, piece)
        // A piece that is undefined (a hole of an array) is sent as such.
        if (part && namePath && key !== undefined) part = setProperty(part, namePath, key) ?? part
        if (part) out.push(part)
      }
      return { out }
    }
  },
})

function toCut({ splt, spltType }: SplitConfig): Cut | undefined {
  if (spltType === 'len') {
    const length = Number.parseInt(splt, 10)
    return Number.isNaN(length) || length < 1 ? undefined : { by: 'length', length }
  }
  if (spltType === 'str') {
    const text = unescape(splt)
    return { by: 'separator', text, bytes: Buffer.from(text) }
  }
  try {
    const list: unknown = JSON.parse(splt)
    if (!Array.isArray(list) || list.length === 0 || !list.every((item) => Number.isInteger(item) && item >= 0 && item <= 255)) return undefined
    const bytes = Buffer.from(list as number[])
    return { by: 'separator', text: bytes.toString(), bytes }
  } catch {
    return undefined
  }
}

/** The escapes that the form lets a user type. */
function unescape(text: string): string {
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', e: '\u001b', f: '\f', 0: '\0' }
  return text.replace(/\\([nrtef0])/g, (_, letter: string) => escapes[letter] as string)
}

/** In a stream the last piece may go on in the next message, unless it is full. */
function keepsRest(length: number, cut: Cut): boolean {
  return cut.by === 'separator' || length < cut.length
}

function newStream(): Stream {
  return { index: 0, text: '', bytes: Buffer.alloc(0), id: newId() }
}

function newId(): string {
  return randomBytes(8).toString('hex')
}
