import type { Build } from './group.ts'

/** Messages one join holds for one run. */
export const partsLimit = 10_000

export interface JoinConfig {
  readonly mode: 'auto' | 'custom' | 'reduce'
  readonly build: Build
  readonly property: string
  /** `full`: whole messages are joined. */
  readonly propertyType: 'msg' | 'full'
  readonly key: string
  readonly joiner: string
  readonly joinerType: 'str' | 'bin'
  readonly useparts: boolean
  readonly accumulate: boolean
  /** Seconds, 0 for none. */
  readonly timeout: number
  /** Messages to wait for; absent: what `msg.parts` says. */
  readonly count?: number
  readonly reduceRight: boolean
  readonly reduceExp: string
  readonly reduceInit: string
  readonly reduceInitType: string
  readonly reduceFixup: string
}
