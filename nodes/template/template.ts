import { fault } from '../../runtime/core/fault.ts'
import { parseJson } from '../../runtime/core/values/json-depth.ts'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { labelsOfKey, putAt } from '../../runtime/core/labels/names.ts'
import { labelsOfTemplate } from '../../runtime/core/labels/of-value.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Evaluate } from '../../runtime/core/sandbox.ts'
import type { Step } from '../../runtime/core/step.ts'
import { checkTypedValue, parseContextKey } from '../../runtime/core/values/typed-value.ts'

export interface TemplateConfig {
  readonly field: string
  readonly fieldType: 'msg' | 'flow' | 'global'
  readonly syntax: 'mustache' | 'plain'
  readonly template: string
  readonly output: 'str' | 'json' | 'yaml'
}

/** Largest template that a message may bring along, characters. */
const templateLimit = 1_000_000

/** Fills a template and puts the text, or the JSON in it, into a property. */
export const template = defineNode<TemplateConfig, 'out'>({
  type: 'template',
  category: 'transform',
  label: { en: 'template', 'zh-TW': '範本' },
  summary: { en: 'Fills a Mustache template with values of the message.', 'zh-TW': '以訊息內容填入 Mustache 範本。' },
  icon: 'template.svg',
  stockForm: 'function/80-template',
  outputs: ['out'],
  labels(config, input) {
    return config.fieldType === 'msg' ? putAt(input, config.field, labelsOfText(config, input)) : input
  },
  leaks: (config, input) => (config.fieldType === 'msg' ? [] : [{ to: 'store', what: `${config.fieldType}.${config.field}`, property: 'field', labels: labelsOfText(config, input).and(labelsOfKey(config.field, input)) }]),
  faults: ['template.error'],
  config: {
    type: 'object',
    properties: {
      field: { type: 'string', default: 'payload', description: 'Where the result goes.' },
      fieldType: { enum: ['msg', 'flow', 'global'], default: 'msg' },
      format: { type: 'string', description: 'Syntax highlighting of the editor.' },
      syntax: { enum: ['mustache', 'plain'], default: 'mustache' },
      template: { type: 'string', default: '' },
      output: { enum: ['str', 'json', 'yaml'], default: 'str', description: 'str: the text; json: what the text says as JSON.' },
    },
  },
  migrate({ field, fieldType, syntax, template, output, ...rest }) {
    return { ...rest, field: field || 'payload', fieldType: fieldType || 'msg', syntax: syntax || 'mustache', template: template ?? '', output: output || 'str' }
  },
  check(config) {
    const problems: NodeProblem[] = []
    const ofField = checkTypedValue(config.field, config.fieldType, 'field')
    if (ofField) problems.push(ofField)
    if (config.output === 'yaml') problems.push({ code: 'node.not_yet', property: 'output', message: 'Reading YAML is not available yet.', remedy: 'Choose plain text or JSON as output.' })
    if (config.output === 'json' && config.syntax === 'plain' && config.template !== '') {
      const ofJson = checkTypedValue(config.template, 'json', 'template')
      if (ofJson) problems.push(ofJson)
    }
    return problems
  },
  async compile(config, scope): Promise<Step<'out'>> {
    const put = compilePut(config, scope)
    const finish = (message: Message, text: string) => ({ out: put(message, config.output === 'json' ? parse(text) : text) })
    if (config.template === '') {
      // As in Node-RED: an empty template lets the message bring its own.
      return function template(message, run) {
        const given = message.template === undefined || message.template === null ? '' : String(message.template)
        if (given.length > templateLimit) throw fault('template.error', { message: `the template in the message has more than ${templateLimit} characters` })
        if (config.syntax === 'plain' || !given.includes('{{')) return finish(message, given)
        return compileText(given, config, scope).then(async (render) => finish(message, await render(message, run)))
      }
    }
    if (config.syntax === 'plain') return (message) => finish(message, config.template)
    const render = await compileText(config.template, config, scope)
    return function template(message: Message, run: Run) {
      const text = render(message, run)
      return typeof text === 'string' ? finish(message, text) : text.then((later) => finish(message, later))
    }
  },
})

/** What the filled template carries; one that the message brings along may say anything. */
function labelsOfText({ template, syntax }: TemplateConfig, input: LabelMap): LabelMap {
  if (template === '') return input.anywhere
  return syntax === 'plain' ? LabelMap.none : labelsOfTemplate(template, input)
}

function compileText(text: string, config: TemplateConfig, scope: Scope): Promise<Evaluate<string>> {
  const host = { owner: scope.node.owner, id: scope.node.id, env: (name: string) => scope.env(name), contexts: scope.contexts }
  return scope.sandbox.template(text, host, config.output === 'json' ? 'json' : 'html')
}

function compilePut(config: TemplateConfig, scope: Scope): (message: Message, value: unknown) => Message {
  if (config.fieldType === 'msg') {
    const path = parseMessagePath(config.field)
    return (message, value) => setProperty(message, path, value) ?? message
  }
  const context = scope.contexts[config.fieldType]
  const key = parseContextKey(config.field)
  return (message, value) => {
    const at = key.toKey(message)
    if (at !== undefined) context.set(at, value)
    return message
  }
}

function parse(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw fault('template.error', { message: `the filled template is not valid JSON: ${(error as Error).message}` }, error)
  }
}
