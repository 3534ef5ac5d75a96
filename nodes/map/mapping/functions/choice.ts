import { compare, isEmpty, isYes, toList, toNumber } from '../scalars.ts'
import { argument, words, type MapFunction } from '../function.ts'
import { same, tests } from './list.ts'

const any = (name: string, en: string, zh: string, more = {}) => argument(name, 'any', en, zh, more)

/** Functions that test and choose. */
export const choiceFunctions: readonly MapFunction[] = [
  {
    name: 'ifEmpty', category: 'choice', label: words('If empty', '若為空'), summary: words('Another value when there is nothing, null, or an empty text, list or object.', '沒有值、null，或空的文字、清單、物件時，改用另一值。'),
    arguments: [any('other', 'Other value', '改用')], example: { value: '', with: ['—'], gives: '—' },
    run: (value, [other]) => (isEmpty(value) ? other : value), jsonata: (v, [other]) => `($v := ${v}; $isEmpty($v) ? ${other} : $v)`,
  },
  {
    name: 'choose', category: 'choice', label: words('Choose', '擇一'), summary: words('One value for yes, another for no. No is false, 0 and whatever is empty.', '是則取前者，否則取後者；false、0 與空值為否。'),
    arguments: [any('yes', 'If yes', '是'), any('no', 'If no', '否', { default: '' })], example: { value: true, with: ['營業中', '休息'], gives: '營業中' },
    run: (value, [yes, no]) => (isYes(value) ? yes : no), jsonata: (v, [yes, no]) => `($isYes(${v}) ? ${yes} : ${no})`,
  },
  {
    name: 'is', category: 'choice', label: words('Is', '等於'), summary: words('Whether the value reads the same as another; 1 and "1" do.', '值是否與另一值相同；1 與 "1" 視為相同。'),
    arguments: [any('other', 'Value', '值')], example: { value: '1', with: [1], gives: true },
    run: (value, [other]) => same(value, other), jsonata: (v, [other]) => `$same(${v}, ${other})`,
  },
  {
    name: 'greater', category: 'choice', label: words('Is greater than', '大於'), summary: words('Whether the value is greater: both numbers, or both texts.', '值是否大於另一值：同為數字或同為文字。'),
    arguments: [any('other', 'Value', '值')], example: { value: 28, with: [27], gives: true },
    run: (value, [other]) => tests['greater']!(value, other), jsonata: (v, [other]) => `($x := ${v}; $w := ${other}; $comparable($x, $w) and $compare($x, $w) > 0)`,
  },
  {
    name: 'less', category: 'choice', label: words('Is less than', '小於'), summary: words('Whether the value is less: both numbers, or both texts.', '值是否小於另一值：同為數字或同為文字。'),
    arguments: [any('other', 'Value', '值')], example: { value: 26, with: [27], gives: true },
    run: (value, [other]) => tests['less']!(value, other), jsonata: (v, [other]) => `($x := ${v}; $w := ${other}; $comparable($x, $w) and $compare($x, $w) < 0)`,
  },
  {
    name: 'between', category: 'choice', label: words('Is between', '介於'), summary: words('Whether a number lies between two others, both included.', '數字是否介於兩數之間（含兩端）。'),
    arguments: [any('least', 'At least', '下限'), any('most', 'At most', '上限')], example: { value: 27, with: [20, 30], gives: true },
    run: (value, [least, most]) => toNumber(value) !== undefined && toNumber(least) !== undefined && toNumber(most) !== undefined && compare(value, least) >= 0 && compare(value, most) <= 0,
    jsonata: (v, [least, most]) => `$isBetween($num(${v}), $num(${least}), $num(${most}))`,
  },
  {
    name: 'isOneOf', category: 'choice', label: words('Is one of', '屬於其中之一'), summary: words('Whether the value is among those of a list.', '值是否在清單之中。'),
    arguments: [argument('list', 'list', 'List', '清單')], example: { value: '信義區', with: [['大安區', '信義區']], gives: true },
    run(value, [list], spend) {
      spend(toList(list).length)
      return toList(list).some((one) => same(value, one))
    },
    jsonata: (v, [list]) => `$hasItem(${list}, ${v})`,
  },
  {
    name: 'isEmpty', category: 'choice', label: words('Is empty', '為空'), summary: words('Whether there is nothing, null, or an empty text, list or object.', '是否沒有值、null，或空的文字、清單、物件。'),
    arguments: [], example: { value: [], with: [], gives: true },
    run: (value) => isEmpty(value), jsonata: (v) => `$isEmpty(${v})`,
  },
  {
    name: 'not', category: 'choice', label: words('Not', '相反'), summary: words('Yes becomes no, no becomes yes.', '是變否，否變是。'),
    arguments: [], example: { value: false, with: [], gives: true },
    run: (value) => !isYes(value), jsonata: (v) => `$not($isYes(${v}))`,
  },
  {
    name: 'and', category: 'choice', label: words('And', '且'), summary: words('Whether both are yes.', '兩者是否皆為是。'),
    arguments: [any('other', 'Other', '另一項')], example: { value: true, with: [false], gives: false },
    run: (value, [other]) => isYes(value) && isYes(other), jsonata: (v, [other]) => `($isYes(${v}) and $isYes(${other}))`,
  },
  {
    name: 'or', category: 'choice', label: words('Or', '或'), summary: words('Whether one of the two is yes.', '兩者是否至少一項為是。'),
    arguments: [any('other', 'Other', '另一項')], example: { value: true, with: [false], gives: true },
    run: (value, [other]) => isYes(value) || isYes(other), jsonata: (v, [other]) => `($isYes(${v}) or $isYes(${other}))`,
  },
]
