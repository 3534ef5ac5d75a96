import { defaultAgeingShare, defaultWeights, type LinePolicy } from '../../../runtime/core/lines/lines.ts'
import { priorities } from '../../../runtime/core/lines/priority.ts'

/** What a resource's form says, as a policy. The form was checked when it was deployed. */
export function toPolicy(config: Readonly<Record<string, unknown>>): LinePolicy {
  const number = (name: string, standard: number) => (Number.isFinite(Number(config[name])) && config[name] !== '' && config[name] !== undefined ? Number(config[name]) : standard)
  const list = (name: string) => (Array.isArray(config[name]) ? (config[name] as unknown[]).map(Number) : [])
  const slots = number('slots', 20)
  const rate = number('ratePerSecond', 0)
  const weights = list('weights')
  const reserve = list('reserve')
  const { order } = config
  return {
    order: order === 'weighted' || order === 'deadline' ? order : 'strict',
    slots: slots === 0 ? Infinity : slots,
    ...(rate > 0 ? { ratePerSecond: rate, burst: number('burst', 1) } : {}),
    ageingShare: number('ageing', defaultAgeingShare),
    weights: weights.length === 0 ? defaultWeights : Array.from({ length: priorities }, (_, at) => weights[at] ?? 1),
    ...(reserve.some((count) => count > 0) ? { reserve: Array.from({ length: priorities }, (_, at) => reserve[at] ?? 0) } : {}),
    maxDepth: number('maxDepth', 10_000),
    ...(config['whenAway'] === 'refuse' ? { whenAway: 'refuse' } : {}),
  }
}
