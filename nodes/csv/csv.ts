import { randomBytes } from 'node:crypto'
import iconv from 'iconv-lite'
import { payloadOf } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Result } from '../../runtime/core/step.ts'
import { readColumns, readRecords, toObjects } from './read-csv.ts'
import { toRows, writeRows } from './write-csv.ts'

/** Rows that are sent as a message each. */
const rowsLimit = 10_000

export interface CsvConfig {
  readonly sep: string
  readonly hdrin: boolean
  readonly hdrout: 'none' | 'all' | 'once'
  readonly multi: 'one' | 'mult'
  readonly ret: string
  readonly temp: string
  readonly skip: number
  readonly strings: boolean
  readonly include_empty_strings: boolean
  readonly include_null_values: boolean
  /** Of bytes that come in, and of those that go out: `utf8`, `big5`, … */
  readonly encoding: string
}

interface Sequence {
  columns: readonly string[] | undefined
  rows: Record<string, unknown>[]
  headerSent: boolean
}

/** Turns CSV into objects, and objects into CSV. */
export const csv = defineNode<CsvConfig, 'out'>({
  type: 'csv',
  category: 'transform',
  label: { en: 'csv', 'zh-TW': 'CSV' },
  summary: { en: 'Converts between CSV text and objects.', 'zh-TW': '在 CSV 文字與物件之間轉換。' },
  icon: 'parser-csv.svg',
  stockForm: 'parsers/70-CSV',
  stockFormFields: ['encoding'],
  outputs: ['out'],
  leaks: nothing,
  labels: (_config, input) => input.put(['payload'], input.at(['payload']).anywhere).and(input.at(['columns']).anywhere.under(['payload'])),
  faults: ['step.error', 'flow.sequence_too_large'],
  config: {
    type: 'object',
    properties: {
      sep: { type: 'string', default: ',' },
      hdrin: { type: 'boolean', default: false },
      hdrout: { enum: ['none', 'all', 'once'], default: 'none' },
      multi: { enum: ['one', 'mult'], default: 'one' },
      ret: { type: 'string', default: '\\r\\n' },
      temp: { type: 'string', default: '' },
      skip: { type: 'integer', minimum: 0, default: 0 },
      strings: { type: 'boolean', default: true },
      include_empty_strings: { type: 'boolean', default: false },
      include_null_values: { type: 'boolean', default: false },
      encoding: { type: 'string', default: 'utf8', title: 'Encoding of bytes', description: 'utf8, big5; msg.encoding wins.' },
    },
  },
  migrate(config) {
    const migrated: Record<string, unknown> = { ...config }
    for (const name of ['sep', 'ret', 'hdrout', 'multi', 'skip', 'encoding', 'temp']) if (config[name] === '' || config[name] === null) delete migrated[name]
    for (const name of ['hdrin', 'strings', 'include_empty_strings', 'include_null_values']) {
      if (!(name in config)) continue
      if (name === 'strings' && (config[name] === undefined || config[name] === null)) delete migrated[name]
      else migrated[name] = config[name] === true || config[name] === 'true'
    }
    if (config.hdrout === true || config.hdrout === false) migrated.hdrout = config.hdrout ? 'all' : 'none'
    if (typeof migrated.skip === 'string' && !Number.isNaN(Number(migrated.skip))) migrated.skip = Number(migrated.skip)
    return migrated
  },
  check(config) {
    const problems: NodeProblem[] = []
    const separator = unescape(config.sep)
    if (separator === '"' || separator.includes('\n') || separator.includes('\r')) problems.push({ code: 'csv.separator', property: 'sep', message: 'A quote or a line break cannot separate columns.', remedy: 'Choose another separator.' })
    if (!iconv.encodingExists(config.encoding)) problems.push({ code: 'csv.encoding', property: 'encoding', message: `The encoding “${config.encoding}” is not known.`, remedy: 'Use utf8 or big5.' })
    try {
      readColumns(config.temp)
    } catch (error) {
      problems.push({ code: 'csv.columns', property: 'temp', message: `The columns cannot be read: ${(error as Error).message}`, remedy: 'Write their names separated by commas.' })
    }
    return problems
  },
  compile(config, scope) {
    const separator = unescape(config.sep)
    const lineEnd = unescape(config.ret)
    const template = readColumns(config.temp)
    const reading = { separator, numbers: config.strings, emptyStrings: config.include_empty_strings, nullValues: config.include_null_values }

    return (message, run) => {
      const sequence = run.state<Sequence>(scope.node, () => ({ columns: undefined, rows: [], headerSent: false }))
      if ('reset' in message) sequence.headerSent = false
      if (!('payload' in message)) return 'reset' in message ? undefined : { out: message }
      const payload = payloadOf(message)
      if (payload instanceof Uint8Array) return read(message, decode(payload, message), sequence, run)
      if (typeof payload === 'string') return read(message, payload, sequence, run)
      if (typeof payload === 'object' && payload !== null) return { out: write(message, payload, sequence) }
      throw fault('step.error', { message: 'The csv node needs text, bytes, an object or an array as its payload.' })
    }

    function read(message: Message, text: string, sequence: Sequence, run: Run): Result<'out'> {
      const parts = typeof message.parts === 'object' && message.parts !== null ? (message.parts as { index?: unknown; count?: unknown }) : undefined
      const index = typeof parts?.index === 'number' ? parts.index : undefined
      // Lines that came one by one from a split: the first ones are skipped, then comes the header.
      const isLine = index !== undefined && !/[\r\n]./.test(text)
      if (isLine && index < config.skip) return undefined
      let records = readRecords(text, reading, isLine ? 0 : config.skip)
      let columns: readonly string[] = template
      if (config.hdrin) {
        if (!isLine || index === config.skip) {
          sequence.columns = records[0]?.map((name) => String(name ?? '').trim())
          records = records.slice(1)
        }
        columns = sequence.columns ?? template
      }
      const { rows, columns: named } = toObjects(records, columns, reading)
      const columnsText = writeRows([named.filter((name) => name !== '')], ',', '')
      const count = typeof parts?.count === 'number' ? parts.count : undefined
      const last = isLine && count !== undefined && index + 1 >= count
      if (config.multi === 'mult') return sendList(message, rows, columnsText, isLine ? sequence : undefined, last)
      return sendEach(message, rows, columnsText, { isLine, index, count, last }, run)
    }

    function sendList(message: Message, rows: Record<string, unknown>[], columns: string, sequence: Sequence | undefined, last: boolean): Result<'out'> {
      if (!sequence) return { out: { ...message, payload: rows, columns } }
      for (const row of rows) sequence.rows.push(row)
      if (!last) return undefined
      const { parts: _, ...rest } = message
      const all = sequence.rows
      sequence.rows = []
      return { out: { ...rest, payload: all, columns } }
    }

    function sendEach(message: Message, rows: Record<string, unknown>[], columns: string, line: { isLine: boolean; index: number | undefined; count: number | undefined; last: boolean }, run: Run): Result<'out'> {
      if (rows.length > rowsLimit) throw fault('flow.sequence_too_large', { limit: rowsLimit })
      if (rows.length === 0 && line.last) return { out: { complete: true } }
      const before = config.skip + (config.hdrin ? 1 : 0)
      const id = typeof message._msgid === 'string' ? message._msgid : `${run.id}-${randomBytes(4).toString('hex')}`
      return {
        out: rows.map((payload, at) => {
          const parts = line.isLine
            ? { ...(message.parts as object), index: (line.index as number) - before, ...(line.count === undefined ? {} : { count: line.count - before }) }
            : { id, index: at, count: rows.length, ...(message.parts === undefined ? {} : { parts: message.parts }) }
          return { ...message, payload, columns, parts, ...(line.last ? { complete: true } : {}) }
        }),
      }
    }

    function write(message: Message, payload: object, sequence: Sequence): Message {
      const given = template.length > 0 ? template : typeof message.columns === 'string' ? readColumns(message.columns) : []
      const { rows, columns } = toRows(payload, given)
      const withHeader = columns.length > 0 && (config.hdrout === 'all' || (config.hdrout === 'once' && !sequence.headerSent))
      if (withHeader) sequence.headerSent = true
      const text = writeRows(withHeader ? [columns, ...rows] : rows, separator, lineEnd)
      const encoding = encodingOf(message)
      const isUtf8 = /^utf-?8$/i.test(encoding)
      return { ...message, payload: isUtf8 ? text : iconv.encode(text, encoding), columns: writeRows([columns], ',', '') }
    }

    function decode(bytes: Uint8Array, message: Message): string {
      return iconv.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), encodingOf(message))
    }

    function encodingOf(message: Message): string {
      const wanted = typeof message.encoding === 'string' && message.encoding !== '' ? message.encoding : config.encoding
      if (!iconv.encodingExists(wanted)) throw fault('step.error', { message: `The encoding “${wanted}” is not known.` })
      return wanted
    }
  },
})

function unescape(text: string): string {
  return text.replaceAll('\\t', '\t').replaceAll('\\n', '\n').replaceAll('\\r', '\r')
}
