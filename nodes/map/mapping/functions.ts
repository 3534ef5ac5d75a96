import type { FunctionCategory, MapFunction } from './function.ts'
import { choiceFunctions } from './functions/choice.ts'
import { convertFunctions } from './functions/convert.ts'
import { dateFunctions } from './functions/date.ts'
import { joinFunctions } from './functions/join.ts'
import { listFunctions } from './functions/list.ts'
import { numberFunctions } from './functions/number.ts'
import { textFunctions } from './functions/text.ts'
import { words } from './function.ts'
import type { Words } from './row.ts'

/** Every function of the list. A name is for ever: flows hold it. */
export const functions: readonly MapFunction[] = [
  ...textFunctions, ...numberFunctions, ...dateFunctions, ...listFunctions, ...joinFunctions, ...choiceFunctions, ...convertFunctions,
]

const byName: ReadonlyMap<string, MapFunction> = new Map(functions.map((one) => [one.name, one]))

export function functionOf(name: string): MapFunction | undefined {
  return byName.get(name)
}

/** Categories in their order, as people read them. */
export const categoryWords: Readonly<Record<FunctionCategory, Words>> = {
  text: words('Text', '文字'), number: words('Number', '數字'), date: words('Date', '日期'), list: words('List', '清單'), join: words('Put together', '組合'),
  choice: words('Test and choose', '判斷與選擇'), convert: words('Convert', '轉換'),
}
