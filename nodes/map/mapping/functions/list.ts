import { compare, isEmpty, isObject, toList, toNumber, toText } from '../scalars.ts'
import { argument, words, type MapFunction, type Reader, type Spend } from '../function.ts'

const field = argument('field', 'field', 'Field', '欄位', { constant: true })
const optionalField = argument('field', 'field', 'Field', '欄位', { constant: true, default: '' })

const ofList = (make: (list: readonly unknown[], args: readonly any[], spend: Spend) => unknown) => (value: unknown, args: readonly any[], spend: Spend) => {
  const list = toList(value)
  spend(list.length)
  return make(list, args, spend)
}

/** What a filter asks of a field. */
export const tests: Readonly<Record<string, (value: unknown, wanted: unknown) => boolean>> = {
  is: same,
  'is not': (value, wanted) => !same(value, wanted),
  greater: (value, wanted) => comparable(value, wanted) && compare(value, wanted) > 0,
  'at least': (value, wanted) => comparable(value, wanted) && compare(value, wanted) >= 0,
  less: (value, wanted) => comparable(value, wanted) && compare(value, wanted) < 0,
  'at most': (value, wanted) => comparable(value, wanted) && compare(value, wanted) <= 0,
  contains: (value, wanted) => toText(value)?.includes(toText(wanted) ?? '') ?? false,
  'is one of': (value, wanted) => toList(wanted).some((one) => same(value, one)),
  'is empty': (value) => isEmpty(value),
  'is not empty': (value) => !isEmpty(value),
}

export const testWords = {
  is: words('is', '等於'), 'is not': words('is not', '不等於'), greater: words('is greater than', '大於'), 'at least': words('is at least', '大於或等於'), less: words('is less than', '小於'),
  'at most': words('is at most', '小於或等於'), contains: words('contains', '包含'), 'is one of': words('is one of', '屬於'), 'is empty': words('is empty', '為空'), 'is not empty': words('is not empty', '不為空'),
}

/** Two values that read the same: 1 and "1" are one, lists and objects never. */
export function same(a: unknown, b: unknown): boolean {
  const text = toText(a)
  return text !== undefined && text === toText(b)
}

/** Both numbers, or both texts. */
function comparable(a: unknown, b: unknown): boolean {
  const numbers = (toNumber(a) !== undefined ? 1 : 0) + (toNumber(b) !== undefined ? 1 : 0)
  return numbers === 2 || (numbers === 0 && toText(a) !== undefined && toText(b) !== undefined)
}

/** A key that a list is grouped or joined by: a text. Keys that an object could mistake for its own begin with another letter. */
export function keyOf(value: unknown): string | undefined {
  return toText(value)
}

/** Functions over lists. A single value is taken as a list of one, nothing as the empty list. */
export const listFunctions: readonly MapFunction[] = [
  {
    name: 'first', category: 'list', label: words('First', '第一項'), summary: words('The first item of a list.', '清單的第一項。'),
    arguments: [], example: { value: ['大安區', '信義區'], with: [], gives: '大安區' },
    run: (value) => toList(value)[0], jsonata: (v) => `$item(${v}, 0)`,
  },
  {
    name: 'last', category: 'list', label: words('Last', '最後一項'), summary: words('The last item of a list.', '清單的最後一項。'),
    arguments: [], example: { value: ['大安區', '信義區'], with: [], gives: '信義區' },
    run: (value) => toList(value).at(-1), jsonata: (v) => `$item(${v}, -1)`,
  },
  {
    name: 'item', category: 'list', label: words('Item', '第幾項'), summary: words('The item at a place; the first is 0, the last -1.', '指定位置的項目；第一項為 0，最後一項為 -1。'),
    arguments: [argument('place', 'integer', 'Place', '位置', { constant: true, minimum: -1_000_000, maximum: 1_000_000, default: 0 })], example: { value: ['a', 'b', 'c'], with: [1], gives: 'b' },
    run: (value, [place]) => toList(value).at(place as number), jsonata: (v, [place]) => `$item(${v}, ${place})`,
  },
  {
    name: 'count', category: 'list', label: words('Count', '計數'), summary: words('How many items a list has.', '清單有幾項。'),
    arguments: [], example: { value: ['a', 'b'], with: [], gives: 2 },
    run: (value) => toList(value).length, jsonata: (v) => `$count($list(${v}))`,
  },
  {
    name: 'filter', category: 'list', label: words('Filter', '篩選'), summary: words('Items of which a field passes a test.', '只留下欄位符合條件的項目。'),
    arguments: [optionalField, argument('test', 'choice', 'Test', '條件', { constant: true, default: 'is', choices: testWords }), argument('wanted', 'any', 'Value', '值', { default: '' })],
    example: { value: [{ area: '大安區', bikes: 3 }, { area: '信義區', bikes: 12 }], with: ['area', 'is', '信義區'], gives: [{ area: '信義區', bikes: 12 }] },
    run: ofList((list, [read, test, wanted]: readonly any[], spend) => {
      if (test === 'is one of') spend(list.length * toList(wanted).length)
      const passes = tests[test as string]!
      return list.filter((item) => passes((read as Reader)(item), wanted))
    }),
    jsonata: (v, [read, , wanted], [, test]) => `$filterBy(${v}, ${read}, ${testCode(String(test), wanted!)})`,
  },
  {
    name: 'find', category: 'list', label: words('Find', '尋找'), summary: words('The first item of which a field is a value.', '欄位等於某值的第一項。'),
    arguments: [field, argument('wanted', 'any', 'Value', '值')],
    example: { value: [{ name: '大安', temp: 27 }, { name: '信義', temp: 28 }], with: ['name', '信義'], gives: { name: '信義', temp: 28 } },
    run: ofList((list, [read, wanted]: readonly any[]) => list.find((item) => same((read as Reader)(item), wanted))),
    jsonata: (v, [read, wanted]) => `$item($filterBy(${v}, ${read}, ${testCode('is', wanted!)}), 0)`,
  },
  {
    name: 'sort', category: 'list', label: words('Sort', '排序'), summary: words('Sorts by a field: numbers by size, before texts.', '依欄位排序：數字依大小，先於文字。'),
    arguments: [optionalField, argument('direction', 'choice', 'Direction', '方向', { constant: true, default: 'up', choices: { up: words('smallest first', '由小到大'), down: words('largest first', '由大到小') } })],
    example: { value: [{ name: '大安', bikes: 3 }, { name: '信義', bikes: 12 }], with: ['bikes', 'down'], gives: [{ name: '信義', bikes: 12 }, { name: '大安', bikes: 3 }] },
    run: ofList((list, [read, direction]: readonly any[], spend) => {
      spend(list.length * 8)
      const keyed = list.map((item) => ({ item, key: (read as Reader)(item) }))
      keyed.sort((a, b) => (direction === 'down' ? compare(b.key, a.key) : compare(a.key, b.key)))
      return keyed.map(({ item }) => item)
    }),
    jsonata: (v, [read], [, direction]) => `$sortBy(${v}, ${read}, ${direction === 'down' ? '-1' : '1'})`,
  },
  {
    name: 'unique', category: 'list', label: words('Unique', '去除重複'), summary: words('One item of each value of a field, the first.', '依欄位去除重複，保留第一項。'),
    arguments: [optionalField], example: { value: ['大安區', '信義區', '大安區'], with: [''], gives: ['大安區', '信義區'] },
    run: ofList((list, [read]: readonly any[]) => {
      const seen = new Set<string>()
      return list.filter((item) => {
        const key = keyOf((read as Reader)(item))
        if (key === undefined || seen.has(key)) return false
        seen.add(key)
        return true
      })
    }),
    jsonata: (v, [read]) => `$uniqueBy(${v}, ${read})`,
  },
  {
    name: 'group', category: 'list', label: words('Group', '分組'), summary: words('Groups by a field: a list of {key, items, count}.', '依欄位分組：{key, items, count} 的清單。'),
    arguments: [field],
    example: { value: [{ area: '大安區', id: 1 }, { area: '信義區', id: 2 }, { area: '大安區', id: 3 }], with: ['area'], gives: [{ key: '大安區', items: [{ area: '大安區', id: 1 }, { area: '大安區', id: 3 }], count: 2 }, { key: '信義區', items: [{ area: '信義區', id: 2 }], count: 1 }] },
    run: ofList((list, [read]: readonly any[]) => [...toGroups(list, read as Reader)].map(([key, items]) => ({ key, items, count: items.length }))),
    jsonata: (v, [read]) => `$groupBy(${v}, ${read})`,
  },
  {
    name: 'pluck', category: 'list', label: words('Pick a field', '取出欄位'), summary: words('The values of a field of all items.', '取出每一項的某個欄位。'),
    arguments: [field], example: { value: [{ name: '大安' }, { name: '信義' }], with: ['name'], gives: ['大安', '信義'] },
    run: ofList((list, [read]: readonly any[]) => list.map(read as Reader).filter((one) => one !== undefined)),
    jsonata: (v, [read]) => `$pluck(${v}, ${read})`,
  },
  {
    name: 'flatten', category: 'list', label: words('Flatten', '攤平'), summary: words('Makes one list of a list of lists.', '將清單中的清單合為一個清單。'),
    arguments: [], example: { value: [['a', 'b'], ['c']], with: [], gives: ['a', 'b', 'c'] },
    run: ofList((list, _, spend) => list.flatMap((item) => {
      spend(Array.isArray(item) ? item.length : 1)
      return item as readonly unknown[]
    })),
    jsonata: (v) => `$flat(${v})`,
  },
  {
    name: 'slice', category: 'list', label: words('Part of a list', '取部分清單'), summary: words('So many items from a place on; the first is 0.', '由指定位置起取若干項；第一項為 0。'),
    arguments: [argument('start', 'integer', 'From', '起點', { constant: true, minimum: 0, maximum: 1_000_000, default: 0 }), argument('count', 'integer', 'How many', '幾項', { constant: true, minimum: 0, maximum: 1_000_000, default: 10 })],
    example: { value: ['a', 'b', 'c', 'd'], with: [1, 2], gives: ['b', 'c'] },
    run: (value, [start, count]) => toList(value).slice(start as number, (start as number) + (count as number)),
    jsonata: (v, [start, count]) => `$slice(${v}, ${start}, ${count})`,
  },
  {
    name: 'reverse', category: 'list', label: words('Reverse', '反轉'), summary: words('The last item first.', '順序顛倒。'),
    arguments: [], example: { value: ['a', 'b'], with: [], gives: ['b', 'a'] },
    run: ofList((list) => list.toReversed()), jsonata: (v) => `$list($reverse($list(${v})))`,
  },
  {
    name: 'concat', category: 'list', label: words('Add a list', '合併清單'), summary: words('Two lists, one behind the other.', '將另一清單接在後面。'),
    arguments: [argument('list', 'list', 'List', '清單')], example: { value: ['a'], with: [['b', 'c']], gives: ['a', 'b', 'c'] },
    run: ofList((list, [more], spend) => {
      spend(toList(more).length)
      return [...list, ...toList(more)]
    }),
    jsonata: (v, [more]) => `$append($list(${v}), $list(${more}))`,
  },
  {
    name: 'toObject', category: 'list', label: words('List to object', '清單轉物件'), summary: words('An object with a field for every item: its name from one field, its value from another.', '每一項成為物件的一個欄位：名稱與值各取自一個欄位。'),
    arguments: [argument('name', 'field', 'Name from', '名稱欄位', { constant: true }), argument('value', 'field', 'Value from', '值欄位', { constant: true })],
    example: { value: [{ elementName: 'TEMP', elementValue: '27' }, { elementName: 'HUMD', elementValue: '0.8' }], with: ['elementName', 'elementValue'], gives: { TEMP: '27', HUMD: '0.8' } },
    run: ofList((list, [name, read]: readonly any[]) => {
      const entries: [string, unknown][] = []
      for (const item of list) {
        const key = keyOf((name as Reader)(item))
        const value = (read as Reader)(item)
        if (key !== undefined && value !== undefined && key !== '__proto__') entries.push([key, value])
      }
      return Object.fromEntries(entries)
    }),
    jsonata: (v, [name, read]) => `$toObject(${v}, ${name}, ${read})`,
  },
  {
    name: 'keys', category: 'list', label: words('Names of fields', '欄位名稱'), summary: words('The names of an object’s fields.', '物件的欄位名稱。'),
    arguments: [], example: { value: { TEMP: 27, HUMD: 0.8 }, with: [], gives: ['TEMP', 'HUMD'] },
    run: (value, _, spend) => {
      if (!isObject(value)) return undefined
      const names = Object.keys(value)
      spend(names.length)
      return names
    },
    jsonata: (v) => `($v := ${v}; $type($v) = "object" ? $list($keys($v)[]))`,
  },
  {
    name: 'includes', category: 'choice', label: words('Has an item', '清單含有'), summary: words('Whether a list has a value among its items.', '清單是否含有某值。'),
    arguments: [argument('item', 'any', 'Value', '值')], example: { value: ['大安區', '信義區'], with: ['信義區'], gives: true },
    run: ofList((list, [wanted]) => list.some((item) => same(item, wanted))), jsonata: (v, [wanted]) => `$hasItem(${v}, ${wanted})`,
  },
]

function toGroups(list: readonly unknown[], read: Reader): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>()
  for (const item of list) {
    const key = keyOf(read(item))
    if (key === undefined) continue
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

/** A test as a JSONata function of the field’s value; `wanted` is worked out once, in front. */
export function testCode(test: string, wanted: string): string {
  const codes: Record<string, string> = {
    is: '$same($x, $w)', 'is not': '$not($same($x, $w))', greater: '$comparable($x, $w) and $compare($x, $w) > 0', 'at least': '$comparable($x, $w) and $compare($x, $w) >= 0',
    less: '$comparable($x, $w) and $compare($x, $w) < 0', 'at most': '$comparable($x, $w) and $compare($x, $w) <= 0', contains: '$holds($x, $w)', 'is one of': '$hasItem($w, $x)',
    'is empty': '$isEmpty($x)', 'is not empty': '$not($isEmpty($x))',
  }
  return `($w := ${wanted}; function($x) { ${codes[test] ?? 'false'} })`
}
