import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { every, isOnePlace, labelPathOf } from '../../runtime/core/labels/label-path.ts'
import type { Leak } from '../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { ChangeRule } from './rules.ts'

/** What is known of the message after the rules, and what they put into contexts, where it stays. */
export function followRules(rules: readonly ChangeRule[], input: LabelMap): { readonly message: LabelMap; readonly leaks: readonly Leak[] } {
  const leaks: Leak[] = []
  let message = input
  for (const rule of rules) {
    const keep = (place: unknown, kind: string, value: LabelMap, certain: boolean) => {
      if (kind !== 'msg') leaks.push({ to: 'store', what: `${kind}.${String(place)}`, property: 'rules', labels: value })
      else message = put(message, String(place), value, certain)
    }
    const value = rule.t === 'delete' || rule.t === 'move' ? LabelMap.none : labelsOfValue(rule.to, rule.tot, message)
    if (rule.t === 'set') keep(rule.p, rule.pt, value, isCertain(rule.tot, rule.to))
    else if (rule.t === 'change') {
      const old = rule.pt === 'msg' ? labelsOfValue(rule.p, 'msg', message) : LabelMap.none
      keep(rule.p, rule.pt, old.and(value).and(value.anywhere), false)
    } else if (rule.t === 'delete') {
      if (rule.pt === 'msg') message = remove(message, rule.p)
    } else {
      const moved = rule.pt === 'msg' ? labelsOfValue(rule.p, 'msg', message) : LabelMap.none
      const without = rule.pt === 'msg' ? remove(message, rule.p) : message
      if (rule.tot === 'msg') {
        // Where the source may not be reached nothing happens; where the target cannot be set the value is gone.
        const target = put(without, String(rule.to ?? ''), moved, isCertain(rule.pt, rule.p))
        message = isCertain(rule.pt, rule.p) ? target : target.and(message)
      } else {
        message = without
        keep(rule.to, rule.tot, moved, true)
      }
    }
  }
  return { message, leaks }
}

/** A rule whose source has no parent is left out: then what was there before is there still. */
function isCertain(type: string, place: unknown): boolean {
  if (type === 'flow' || type === 'global') return false
  return type !== 'msg' || labelPathOf(String(place))?.length === 1
}

function put(message: LabelMap, place: string, value: LabelMap, certain: boolean): LabelMap {
  const path = labelPathOf(place)
  if (!path) return message.and(value.anywhere)
  return certain ? message.put(path, value) : message.and(value.under(path))
}

/** Behind an item that is taken out of a list the others move up. */
function remove(message: LabelMap, place: string): LabelMap {
  const path = labelPathOf(place)
  if (!path) return message
  const list = path.indexOf(every)
  return isOnePlace(path) ? message.without(path) : message.withMovedItems(path.slice(0, list))
}
