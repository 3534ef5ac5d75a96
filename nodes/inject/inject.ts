import { Cron } from 'croner'
import type { Entry } from '../../runtime/core/entry.ts'
import { fault } from '../../runtime/core/fault.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { parseMessagePath, type PropertyPath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import { checkTypedValue, compileTypedValue, type TypedValue } from '../../runtime/core/values/typed-value.ts'

/** One property of the message, as the form writes it. */
interface Prop {
  readonly p: string
  readonly v?: unknown
  readonly vt?: string
}

export interface InjectConfig {
  readonly props: readonly Prop[]
  /** Seconds between messages, 0 for none. */
  readonly repeat: number
  readonly crontab: string
  readonly once: boolean
  /** Seconds. */
  readonly onceDelay: number
}

/** Where a press of the button with other values puts them, as in Node-RED. */
const userProps = '__user_inject_props__'

/** Node-RED's limit: as long as a 32-bit timer runs. */
const longestSeconds = 2_147_483

/** Starts a run by hand, once after deploy, at an interval, or by the clock. */
export const inject = defineNode<InjectConfig, 'out'>({
  type: 'inject',
  category: 'entry',
  label: { en: 'inject', 'zh-TW': '注入' },
  summary: { en: 'Starts a run by its button, after a deploy, at an interval, or at set times.', 'zh-TW': '以按鈕、部署後、固定間隔或指定時間啟動執行。' },
  icon: 'inject.svg',
  stockForm: 'common/20-inject',
  inputs: 0,
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  faults: ['step.config', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      props: { type: 'array', default: [], items: { type: 'object', properties: { p: { type: 'string', default: '' }, vt: { type: 'string' } } } },
      repeat: { type: 'number', minimum: 0, default: 0 },
      crontab: { type: 'string', default: '' },
      once: { type: 'boolean', default: false },
      onceDelay: { type: 'number', minimum: 0, default: 0.1 },
    },
  },
  migrate(config) {
    const { payload, payloadType, topic, repeat, once, onceDelay, ...rest } = config
    // Before Node-RED 1.1 payload and topic stood beside the list; its form still writes them there.
    const given = Array.isArray(config.props) ? (config.props as Prop[]) : [{ p: 'payload' }, { p: 'topic', vt: 'str' }]
    const props = given.map((prop) => {
      if (prop.v !== undefined) return prop
      if (prop.p === 'payload') return { ...prop, v: payload ?? '', vt: payloadType ?? 'str' }
      return prop.p === 'topic' && prop.vt === 'str' ? { ...prop, v: topic ?? '' } : prop
    })
    return { ...rest, props, repeat: toNumber(repeat, 0), once: once === true || once === 'true', onceDelay: toNumber(onceDelay, 0.1) }
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = config.props.map(checkProp)
    if (config.repeat > longestSeconds) problems.push({ code: 'inject.interval', property: 'repeat', message: `The interval of ${config.repeat} seconds is longer than ${longestSeconds} seconds.`, remedy: 'Choose a shorter interval, or a time of day.' })
    if (config.crontab.trim() !== '' && config.repeat === 0) problems.push(checkCron(config.crontab))
    return problems.filter((problem) => problem !== undefined)
  },
  entry(config) {
    const entries: Entry[] = [{ on: 'manual' }]
    if (config.once) entries.push({ on: 'start', delayMs: config.onceDelay * 1000 })
    if (config.repeat > 0) entries.push({ on: 'interval', everyMs: config.repeat * 1000 })
    else if (config.crontab.trim() !== '') entries.push({ on: 'cron', cron: config.crontab.trim() })
    return entries
  },
  async compile(config, scope) {
    const fill = await compileProps(config.props, scope)
    return (message, run) => {
      const { [userProps]: given, ...begun } = message
      if (!Array.isArray(given)) return fill(begun, run)
      const problem = given.map((prop) => checkProp(toProp(prop))).find((found) => found !== undefined)
      if (problem) throw fault('step.config', { message: problem.message })
      return compileProps(given.map(toProp), scope).then((fillGiven) => fillGiven(begun, run))
    }
  },
})

type Fill = (message: Message, run: Run) => { out: Message } | Promise<{ out: Message }>

/** Properties are set in order, so that an expression sees those above it. */
async function compileProps(props: readonly Prop[], scope: Scope): Promise<Fill> {
  const setters: { path: PropertyPath; value: TypedValue }[] = []
  for (const { p, v, vt } of props) {
    if (p === '' || (vt === 'jsonata' && (v ?? '') === '')) continue
    setters.push({ path: parseMessagePath(p), value: await compileTypedValue(v ?? '', vt ?? 'str', scope) })
  }
  if (setters.some(({ value }) => value.async)) {
    return async (begun, run) => {
      let message = begun
      for (const { path, value } of setters) message = setProperty(message, path, await value.evaluate(message, run)) ?? message
      return { out: message }
    }
  }
  return (begun, run) => {
    let message = begun
    for (const { path, value } of setters) message = setProperty(message, path, value.evaluate(message, run)) ?? message
    return { out: message }
  }
}

function checkProp({ p, v, vt }: Prop): NodeProblem | undefined {
  if (p === '') return undefined
  const problem = checkTypedValue(p, 'msg', 'props')
  if (problem) return problem
  const isVariable = typeof v === 'string' && /^\$\{[^}]+\}$/.test(v)
  if (isVariable || (vt === 'jsonata' && (v ?? '') === '')) return undefined
  return checkTypedValue(v ?? '', vt ?? 'str', 'props')
}

/** Parses only; nothing is scheduled. */
function checkCron(text: string): NodeProblem | undefined {
  try {
    if (new Cron(text.trim(), { paused: true }).nextRun(new Date(0)) !== null) return undefined
    return { code: 'inject.cron', property: 'crontab', message: `The times “${text}” never come.`, remedy: 'Choose the times again in the form.' }
  } catch (error) {
    return { code: 'inject.cron', property: 'crontab', message: `The times “${text}” cannot be read: ${(error as Error).message}.`, remedy: 'Choose the times again in the form.' }
  }
}

function toProp(given: unknown): Prop {
  const { p, v, vt } = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>
  return { p: typeof p === 'string' ? p : '', v, vt: typeof vt === 'string' ? vt : 'str' }
}

function toNumber(value: unknown, otherwise: number): unknown {
  if (value === undefined || value === null || value === '') return otherwise
  const number = Number(value)
  return Number.isNaN(number) ? value : number
}
