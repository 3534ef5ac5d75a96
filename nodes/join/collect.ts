import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import { getProperty, parseMessagePath, type PropertyPath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Result, Step } from '../../runtime/core/step.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { addField, addItem, addMerged, assemble, type Build, type Group } from './group.ts'
import { type JoinConfig, partsLimit } from './config.ts'
import { toJoiner } from './joiner.ts'

/** Groups of one run by id, and how many messages they hold together. */
interface Groups {
  readonly byId: Map<unknown, Group>
  held: number
}

/** Which group a message belongs to, and where in it. */
interface Place {
  readonly id: unknown
  readonly build: Build
  readonly target: number | undefined
  readonly joiner: string | Buffer | undefined
  readonly key: unknown
  readonly index: number | undefined
  readonly arrayLength: number
  readonly value: unknown
}

interface Parts {
  readonly id?: unknown
  readonly type?: unknown
  readonly count?: unknown
  readonly index?: unknown
  readonly key?: unknown
  readonly ch?: unknown
  readonly len?: unknown
  readonly property?: unknown
  readonly parts?: unknown
}

const builds: ReadonlySet<unknown> = new Set(['string', 'buffer', 'array', 'object'])

/** Joins messages by their `parts` (auto) or by count, timeout and `msg.complete` (custom). */
export function collectStep(config: JoinConfig, scope: Scope): Step<'out'> {
  const auto = config.mode === 'auto'
  const propertyPath = parseMessagePath(config.property)
  const keyPath = parseMessagePath(config.key)
  const timeoutMs = auto ? 0 : config.timeout * 1000
  const joiner = toJoiner(config)
  const accumulate = !auto && config.accumulate

  return (given, run) => {
    const groups = run.state<Groups>(scope.node, () => ({ byId: new Map(), held: 0 }))
    const message = !auto && !config.useparts ? withoutParts(given) : given
    const parts = partsOf(message)
    if (auto && parts?.id === undefined) {
      if ('reset' in message) for (const id of groups.byId.keys()) forget(groups, id)
      else run.log.warn({ run: run.id, node: scope.node.id }, 'join: the message has no msg.parts and cannot be joined automatically')
      return undefined
    }
    const place = auto ? ofParts(message, parts as Parts) : ofConfig(message, parts)
    const known = groups.byId.get(place.id)
    if ('restartTimeout' in message) known?.restart?.()
    if ('reset' in message) {
      forget(groups, place.id)
      return undefined
    }
    if (place.build === 'object' && (place.key === undefined || place.key === null || place.key === '')) {
      if (!auto && 'complete' in message && known) {
        known.message = { ...known.message, complete: message.complete }
        return { out: finish(groups, place.id, known) }
      }
      run.log.warn({ run: run.id, node: scope.node.id }, `join: the message has no ${auto ? 'msg.parts.key' : `msg.${config.key}`} and cannot be added to an object`)
      return undefined
    }
    return add(groups, place, message, parts, run)
  }

  function add(groups: Groups, place: Place, message: Message, parts: Parts | undefined, run: Run): Result<'out'> {
    if (groups.held >= partsLimit || (place.index ?? 0) >= partsLimit) throw fault('flow.sequence_too_large', { limit: partsLimit })
    let group = groups.byId.get(place.id)
    const isNew = group === undefined
    if (group === undefined) {
      group = { build: place.build, target: place.target, message: {}, items: [], fields: new Map(), count: 0, messages: 0, joiner: place.joiner, arrayLength: place.arrayLength, expire: undefined, restart: undefined }
      groups.byId.set(place.id, group)
    }
    groups.held += 1
    group.messages += 1
    if (place.build === 'merged') {
      if (!addMerged(group, place.value) && !('complete' in message)) run.log.warn({ run: run.id, node: scope.node.id }, 'join: only objects can be merged')
    } else if (place.build === 'object') addField(group, String(place.key as string), place.value)
    else addItem(group, place.value, place.index)
    group.message = { ...group.message, ...message }
    if (parts !== undefined) group.target ||= countOf(parts.count)
    const { target } = group
    if ((target !== undefined && target > 0 && group.count >= target) || 'complete' in message) return { out: finish(groups, place.id, group) }
    return isNew && timeoutMs > 0 ? startTimeout(groups, place.id, group, run) : undefined
  }

  /** The message that began the wait stays open until it is over: that keeps the run alive. */
  function startTimeout(groups: Groups, id: unknown, group: Group, run: Run): Promise<{ out: Message } | undefined> {
    return new Promise((resolve) => {
      let stopListening = () => {}
      const arm = () => scope.clock.setTimer(() => expire(finish(groups, id, group)), timeoutMs)
      let cancel = arm()
      group.restart = () => {
        cancel()
        cancel = arm()
      }
      const expire = (result: Message | undefined) => {
        group.expire = group.restart = undefined
        cancel()
        stopListening()
        resolve(result && { out: result })
      }
      group.expire = expire
      stopListening = whenAborted(run, () => forget(groups, id))
    })
  }

  function finish(groups: Groups, id: unknown, group: Group): Message {
    const complete = 'complete' in group.message
    if (!accumulate || complete) remove(groups, id, group)
    const waiting = group.expire
    group.expire = undefined
    if (waiting) queueMicrotask(() => waiting(undefined))
    const { complete: _, parts, ...rest } = group.message
    const outer = (parts as Parts | undefined)?.parts
    const joined: Message = outer === undefined ? rest : { ...rest, parts: outer }
    const path = auto ? pathOf((parts as Parts | undefined)?.property) : propertyPath
    return setProperty(joined, config.propertyType === 'full' && !auto ? pathOf('payload') : path, assemble(group)) ?? joined
  }

  function forget(groups: Groups, id: unknown): void {
    const group = groups.byId.get(id)
    if (!group) return
    remove(groups, id, group)
    group.expire?.(undefined)
  }

  function remove(groups: Groups, id: unknown, group: Group): void {
    groups.byId.delete(id)
    groups.held -= group.messages
  }

  function ofParts(message: Message, parts: Parts): Place {
    return {
      id: parts.id,
      build: builds.has(parts.type) ? (parts.type as Build) : 'array',
      target: countOf(parts.count),
      joiner: typeof parts.ch === 'string' ? parts.ch : Array.isArray(parts.ch) ? Buffer.from(parts.ch as number[]) : parts.ch === undefined && parts.type === 'string' ? '' : undefined,
      key: parts.key,
      index: typeof parts.index === 'number' && Number.isInteger(parts.index) && parts.index >= 0 ? parts.index : undefined,
      arrayLength: typeof parts.len === 'number' ? parts.len : 1,
      value: getProperty(message, pathOf(parts.property)),
    }
  }

  function ofConfig(message: Message, parts: Parts | undefined): Place {
    const byParts = config.count === undefined && parts !== undefined
    return {
      id: byParts && parts.id !== undefined ? parts.id : '_',
      build: config.build,
      target: byParts ? countOf(parts.count) : config.count,
      joiner,
      key: config.build === 'object' ? getProperty(message, keyPath) : undefined,
      index: undefined,
      arrayLength: 1,
      value: config.propertyType === 'full' ? message : getProperty(message, propertyPath),
    }
  }
}

const payloadPath = parseMessagePath('payload')

function pathOf(property: unknown): PropertyPath {
  return typeof property === 'string' && property !== 'payload' && property !== '' ? parseMessagePath(property) : payloadPath
}

function partsOf(message: Message): Parts | undefined {
  return typeof message.parts === 'object' && message.parts !== null ? message.parts : undefined
}

function withoutParts(message: Message): Message {
  if (!('parts' in message)) return message
  const { parts, ...rest } = message
  const outer = (parts as Parts | null | undefined)?.parts
  return outer === undefined ? rest : { ...rest, parts: { parts: outer } }
}

function countOf(count: unknown): number | undefined {
  const number = Number(count)
  return count === undefined || count === null || Number.isNaN(number) || number <= 0 ? undefined : number
}
