import { toList, toText } from '../scalars.ts'
import { argument, words, type MapFunction } from '../function.ts'

/** Longest text that a function makes, characters. */
const textLimit = 1_000_000
const text = (name: string, en: string, zh: string, more = {}) => argument(name, 'text', en, zh, { maximum: 1000, ...more })

const beyond = /[\ud800-\udfff]/

/** Characters of a text: those beyond the first plane are one, as in JSONata. */
function lengthOf(text: string): number {
  return beyond.test(text) ? Array.from(text).length : text.length
}

function part(text: string, start: number, length: number): string {
  return beyond.test(text) ? Array.from(text).slice(start, start + length).join('') : text.slice(start, start + length)
}

/** Applies to what can be read as text. */
const ofText = (make: (text: string, ...args: any[]) => unknown) => (value: unknown, args: readonly any[]) => {
  const read = toText(value)
  return read === undefined ? undefined : make(read, ...args)
}
const short = (made: string) => (made.length > textLimit ? undefined : made)

/** Functions that read and write text. Numbers and booleans are taken as text. */
export const textFunctions: readonly MapFunction[] = [
  {
    name: 'text', category: 'text', label: words('As text', '轉為文字'), summary: words('Writes a number or a boolean as text.', '將數字或布林值寫成文字。'),
    arguments: [], example: { value: 27.5, with: [], gives: '27.5' },
    run: ofText((read) => read), jsonata: (v) => `$text(${v})`,
  },
  {
    name: 'upper', category: 'text', label: words('Upper case', '轉大寫'), summary: words('Makes all letters capitals.', '所有字母轉為大寫。'),
    arguments: [], example: { value: 'taipei', with: [], gives: 'TAIPEI' },
    run: ofText((read) => read.toUpperCase()), jsonata: (v) => `$uppercase($text(${v}))`,
  },
  {
    name: 'lower', category: 'text', label: words('Lower case', '轉小寫'), summary: words('Makes all letters small.', '所有字母轉為小寫。'),
    arguments: [], example: { value: 'Taipei', with: [], gives: 'taipei' },
    run: ofText((read) => read.toLowerCase()), jsonata: (v) => `$lowercase($text(${v}))`,
  },
  {
    name: 'trim', category: 'text', label: words('Trim', '去除空白'), summary: words('Takes spaces from both ends and makes one of several inside.', '去除前後空白，中間連續空白合為一個。'),
    arguments: [], example: { value: '  信義區　市府路 ', with: [], gives: '信義區 市府路' },
    run: ofText((read) => read.replace(/\s+/g, ' ').replace(/^ | $/g, '')), jsonata: (v) => `$trim($replace($text(${v}), /\\s+/, " "))`,
  },
  {
    name: 'replace', category: 'text', label: words('Replace', '取代'), summary: words('Puts one text in place of another, everywhere.', '將所有出現的文字換成另一段文字。'),
    arguments: [text('find', 'Find', '尋找', { constant: true }), text('by', 'Replace by', '取代為', { default: '' })],
    example: { value: 'YouBike2.0_捷運市政府站', with: ['YouBike2.0_', ''], gives: '捷運市政府站' },
    run: ofText((read, find: string, by: unknown) => (find === '' ? read : short(read.split(find).join(toText(by) ?? '')))),
    jsonata: (v, [find, by], [constant]) => (constant === '' ? `$text(${v})` : `$join($split($text(${v}), ${find}), $textOr(${by}))`),
  },
  {
    name: 'split', category: 'text', label: words('Split', '切開'), summary: words('Makes a list of a text by a separator.', '依分隔字將文字切成清單。'),
    arguments: [text('separator', 'Separator', '分隔字', { constant: true, default: ',' })],
    example: { value: '大安區,信義區,中山區', with: [','], gives: ['大安區', '信義區', '中山區'] },
    run: ofText((read, by: string) => read.split(by)), jsonata: (v, [by]) => `$splitBy(${v}, ${by})`,
  },
  {
    name: 'joinText', category: 'text', label: words('Join texts', '串接清單'), summary: words('Makes one text of a list.', '將清單串成一段文字。'),
    arguments: [text('separator', 'Separator', '分隔字', { constant: true, default: ', ' })],
    example: { value: ['大安區', '信義區'], with: ['、'], gives: '大安區、信義區' },
    run(value, [by], spend) {
      const list = toList(value)
      spend(list.length)
      return short(list.flatMap((item) => toText(item) ?? []).join(by as string))
    },
    jsonata: (v, [by]) => `$joinBy(${v}, ${by})`,
  },
  {
    name: 'padStart', category: 'text', label: words('Pad at the start', '前面補字'), summary: words('Puts a character in front until the text is long enough.', '在前面補字直到足夠長度。'),
    arguments: [argument('length', 'integer', 'Length', '長度', { constant: true, minimum: 0, maximum: 1000 }), text('with', 'Character', '字元', { constant: true, default: '0', maximum: 1 })],
    example: { value: 7, with: [3, '0'], gives: '007' },
    run: ofText((read, length: number, by: string) => (by === '' ? read : by.repeat(Math.max(0, length - lengthOf(read))) + read)),
    jsonata: (v, [length, by], [, constant]) => (constant === '' ? `$text(${v})` : `$pad($text(${v}), -${length}, ${by})`),
  },
  {
    name: 'padEnd', category: 'text', label: words('Pad at the end', '後面補字'), summary: words('Puts a character behind until the text is long enough.', '在後面補字直到足夠長度。'),
    arguments: [argument('length', 'integer', 'Length', '長度', { constant: true, minimum: 0, maximum: 1000 }), text('with', 'Character', '字元', { constant: true, default: ' ', maximum: 1 })],
    example: { value: 'A1', with: [4, '-'], gives: 'A1--' },
    run: ofText((read, length: number, by: string) => (by === '' ? read : read + by.repeat(Math.max(0, length - lengthOf(read))))),
    jsonata: (v, [length, by], [, constant]) => (constant === '' ? `$text(${v})` : `$pad($text(${v}), ${length}, ${by})`),
  },
  {
    name: 'substring', category: 'text', label: words('Part of a text', '取部分文字'), summary: words('Takes characters from a place on; the first is 0.', '由指定位置起取若干字；第一字為 0。'),
    arguments: [argument('start', 'integer', 'From', '起點', { constant: true, minimum: 0, maximum: 1_000_000, default: 0 }), argument('length', 'integer', 'How many', '幾個字', { constant: true, minimum: 0, maximum: 1_000_000, default: 1_000_000 })],
    example: { value: '2026-11-22T14:30:00', with: [0, 10], gives: '2026-11-22' },
    run: ofText((read, start: number, length: number) => part(read, start, length)),
    jsonata: (v, [start, length]) => `$substring($text(${v}), ${start}, ${length})`,
  },
  {
    name: 'before', category: 'text', label: words('Before', '之前的文字'), summary: words('What stands before the first place of a text; all of it when it is not there.', '取某段文字之前的部分；沒有時為全文。'),
    arguments: [text('mark', 'Text', '文字', { constant: true })],
    example: { value: '22 Xinyi Rd; Taipei', with: [';'], gives: '22 Xinyi Rd' },
    run: ofText((read, mark: string) => (mark !== '' && read.includes(mark) ? read.slice(0, read.indexOf(mark)) : read)),
    jsonata: (v, [mark], [constant]) => (constant === '' ? `$text(${v})` : `$substringBefore($text(${v}), ${mark})`),
  },
  {
    name: 'after', category: 'text', label: words('After', '之後的文字'), summary: words('What stands behind the first place of a text; all of it when it is not there.', '取某段文字之後的部分；沒有時為全文。'),
    arguments: [text('mark', 'Text', '文字', { constant: true })],
    example: { value: 'YouBike2.0_捷運市政府站', with: ['_'], gives: '捷運市政府站' },
    run: ofText((read, mark: string) => (mark !== '' && read.includes(mark) ? read.slice(read.indexOf(mark) + mark.length) : read)),
    jsonata: (v, [mark], [constant]) => (constant === '' ? `$text(${v})` : `$substringAfter($text(${v}), ${mark})`),
  },
  {
    name: 'prepend', category: 'text', label: words('Put in front', '前面加上'), summary: words('Puts a text in front.', '在前面加上文字。'),
    arguments: [text('text', 'Text', '文字')], example: { value: '信義區', with: ['臺北市'], gives: '臺北市信義區' },
    run: ofText((read, more: unknown) => short((toText(more) ?? '') + read)), jsonata: (v, [more]) => `$around(${more}, ${v}, "")`,
  },
  {
    name: 'append', category: 'text', label: words('Put behind', '後面加上'), summary: words('Puts a text behind.', '在後面加上文字。'),
    arguments: [text('text', 'Text', '文字')], example: { value: 27, with: [' °C'], gives: '27 °C' },
    run: ofText((read, more: unknown) => short(read + (toText(more) ?? ''))), jsonata: (v, [more]) => `$around("", ${v}, ${more})`,
  },
  {
    name: 'template', category: 'text', label: words('Template', '套入文字'), summary: words('A text in which {field} is a field of the value and {} the value itself.', '文字中的 {欄位} 為值的欄位，{} 為值本身。'),
    arguments: [text('text', 'Text', '文字', { constant: true })],
    example: { value: { name: '信義區', bikes: 12 }, with: ['{name} 有 {bikes} 輛'], gives: '信義區 有 12 輛' },
    run(value, [template]) {
      if (value === undefined || value === null) return undefined
      return short((template as string).replace(hole, (_, name: string) => toText(fieldOf(value, name)) ?? ''))
    },
    jsonata(v, _, [template]) {
      const parts: string[] = []
      let last = 0
      for (const match of String(template).matchAll(hole)) {
        parts.push(JSON.stringify(String(template).slice(last, match.index)), `$textOr(${match[1] === '' ? '$v' : `$fieldOf($v, ${JSON.stringify(match[1])})`})`)
        last = match.index + match[0].length
      }
      parts.push(JSON.stringify(String(template).slice(last)))
      return `($v := ${v}; $exists($v) and $type($v) != "null" ? ${parts.filter((part) => part !== '""').join(' & ') || '""'})`
    },
  },
  {
    name: 'length', category: 'text', label: words('Length of a text', '文字長度'), summary: words('How many characters a text has.', '文字有幾個字。'),
    arguments: [], example: { value: '信義區', with: [], gives: 3 },
    run: ofText((read) => lengthOf(read)), jsonata: (v) => `$length($text(${v}))`,
  },
  {
    name: 'contains', category: 'choice', label: words('Contains', '包含文字'), summary: words('Whether a text holds another.', '文字是否包含另一段文字。'),
    arguments: [text('text', 'Text', '文字')], example: { value: '午後短暫雷陣雨', with: ['雨'], gives: true },
    run: ofText((read, part: unknown) => read.includes(toText(part) ?? '')), jsonata: (v, [part]) => `$contains($text(${v}), $textOr(${part}))`,
  },
  {
    name: 'startsWith', category: 'choice', label: words('Starts with', '開頭為'), summary: words('Whether a text starts with another.', '文字是否以另一段文字開頭。'),
    arguments: [text('text', 'Text', '文字', { constant: true })], example: { value: 'YouBike2.0_市府站', with: ['YouBike'], gives: true },
    run: ofText((read, part: string) => read.startsWith(part)), jsonata: (v, [part]) => `$startsWith(${v}, ${part})`,
  },
  {
    name: 'endsWith', category: 'choice', label: words('Ends with', '結尾為'), summary: words('Whether a text ends with another.', '文字是否以另一段文字結尾。'),
    arguments: [text('text', 'Text', '文字', { constant: true })], example: { value: '信義區', with: ['區'], gives: true },
    run: ofText((read, part: string) => read.endsWith(part)), jsonata: (v, [part]) => `$endsWith(${v}, ${part})`,
  },
  {
    name: 'parseJson', category: 'convert', label: words('Read JSON', '解析 JSON'), summary: words('Makes a value of a text that is JSON; nothing when it is none.', '將 JSON 文字轉為值；不是 JSON 時沒有值。'),
    arguments: [], example: { value: '{"temp":27}', with: [], gives: { temp: 27 } },
    run(value) {
      if (typeof value !== 'string') return undefined
      try {
        return JSON.parse(value) as unknown
      } catch {
        return undefined
      }
    },
    // JSONata reads no JSON; $eval would run what the text says.
  },
  {
    name: 'printJson', category: 'convert', label: words('Write JSON', '輸出 JSON'), summary: words('Writes a value as a text of JSON.', '將值寫成 JSON 文字。'),
    arguments: [], example: { value: { temp: 27 }, with: [], gives: '{"temp":27}' },
    run: (value) => (value === undefined ? undefined : short(JSON.stringify(value, (_, one: unknown) => (typeof one === 'number' ? Number(one.toPrecision(15)) : one)))),
    jsonata: (v) => `$printed(${v})`,
  },
]

const hole = /\{([^{}]{0,100})\}/g

function fieldOf(value: unknown, name: string): unknown {
  if (name === '') return value
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}
