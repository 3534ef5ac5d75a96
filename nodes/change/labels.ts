import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { every, isOnePlace, labelPathOf } from '../../runtime/core/labels/label-path.ts'
import { labelsOfKey, labelsOfNames } from '../../runtime/core/labels/names.ts'
import type { Leak } from '../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { ChangeRule } from './rules.ts'

/** What is known of the message after the rules, and what they put into contexts, where it stays. */
export function followRules(rules: readonly ChangeRule[], input: LabelMap): { readonly message: LabelMap; readonly leaks: readonly Leak[] } {
  const leaks: Leak[] = []
  let message = input
  for (const rule of rules) {
    /** `before`: the message as it is where the rule is left out. */
    const keep = (place: unknown, kind: string, value: LabelMap, before: LabelMap) => {
      if (kind !== 'msg') leaks.push({ to: 'store', what: `${kind}.${String(place)}`, property: 'rules', labels: value.and(labelsOfKey(String(place), message)) })
      else message = put(message, String(place), value).and(before).and(labelsOfNames(String(place), message))
    }
    const value = rule.t === 'delete' || rule.t === 'move' ? LabelMap.none : labelsOfValue(rule.to, rule.tot, message)
    if (rule.t === 'set') keep(rule.p, rule.pt, value, leftOut(message, rule.tot, rule.to))
    else if (rule.t === 'change') {
      const old = rule.pt === 'msg' ? labelsOfValue(rule.p, 'msg', message) : LabelMap.none
      keep(rule.p, rule.pt, old.and(value).and(value.anywhere), message)
    } else if (rule.t === 'delete') {
      if (rule.pt === 'msg') message = remove(message, rule.p)
    } else {
      const moved = rule.pt === 'msg' ? labelsOfValue(rule.p, 'msg', message) : LabelMap.none
      const without = rule.pt === 'msg' ? remove(message, rule.p) : message
      const before = leftOut(message, rule.pt, rule.p)
      message = without
      keep(rule.to, rule.tot, moved, before)
    }
  }
  return { message, leaks }
}

/**
 * The message as it is when a rule is left out because the parent of its source is not there: then nothing lies below that parent.
 * Nothing, when it cannot be left out.
 */
function leftOut(message: LabelMap, type: string, place: unknown): LabelMap {
  const text = String(place ?? '')
  if (type === 'flow' || type === 'global') return text.includes('[msg') ? message : LabelMap.none
  if (type !== 'msg') return LabelMap.none
  const path = labelPathOf(text)
  if (!path) return message
  const parent = path.slice(0, -1)
  if (parent.length === 0) return LabelMap.none
  return isOnePlace(parent) ? message.without(parent) : message
}

function put(message: LabelMap, place: string, value: LabelMap): LabelMap {
  const path = labelPathOf(place)
  return path ? message.put(path, value) : message.and(value.anywhere)
}

/** Behind an item that is taken out of a list the others move up. */
function remove(message: LabelMap, place: string): LabelMap {
  const path = labelPathOf(place)
  if (!path) return message
  const list = path.indexOf(every)
  return isOnePlace(path) ? message.without(path) : message.withMovedItems(path.slice(0, list))
}
