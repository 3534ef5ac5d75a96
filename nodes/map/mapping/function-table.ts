import type { MapFunction } from './function.ts'
import { categoryWords, functions } from './functions.ts'
import type { FunctionCategory } from './function.ts'

/** All functions with their worked examples, as Markdown for help and docs. */
export function toFunctionTable(language: 'en' | 'zh-TW'): string {
  const head = language === 'en' ? ['function', 'what it does', 'example'] : ['函式', '作用', '範例']
  const title = language === 'en' ? '**Functions**' : '**函式**'
  const sections = (Object.keys(categoryWords) as FunctionCategory[]).map((category) => {
    const rows = functions.filter((one) => one.category === category).map((one) => `| ${one.label[language]}<br>\`${one.name}\` | ${cell(one.summary[language])}${argumentsOf(one, language)} | ${exampleOf(one)} |`)
    return `*${categoryWords[category][language]}*\n\n| ${head.join(' | ')} |\n|---|---|---|\n${rows.join('\n')}`
  })
  return [title, ...sections].join('\n\n')
}

function argumentsOf(one: MapFunction, language: 'en' | 'zh-TW'): string {
  if (one.arguments.length === 0) return ''
  const names = one.arguments.map(({ label }) => cell(label[language]))
  return language === 'en' ? ` (${names.join(', ')})` : `（${names.join('、')}）`
}

function exampleOf({ example }: MapFunction): string {
  const given = [example.value, ...example.with].map(code).join(', ')
  return `${given} → ${code(example.gives)}`
}

function code(value: unknown): string {
  return `\`${cell(JSON.stringify(value))}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
