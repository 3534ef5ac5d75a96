import { type LabelMap, unionOf } from '../../runtime/core/labels/label-map.ts'
import { every } from '../../runtime/core/labels/label-path.ts'
import { putAt } from '../../runtime/core/labels/names.ts'
import { labelsOfExpression, labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { flat } from '../../runtime/core/labels/through-lists.ts'
import type { MergeConfig } from './merge.ts'

/** What is known of a merged value: fields stay where they are in their sources, items anywhere in the list. */
export function followMerge({ sources, strategy, template, target }: MergeConfig, input: LabelMap): LabelMap {
  const given = sources.length === 0 ? [input.at(['payload', every])] : sources.map(({ value, valueType }) => labelsOfValue(value, valueType, input))
  const all = unionOf(given)
  const made =
    strategy === 'template' ? labelsOfExpression(template, all.under([every]), { message: input })
    : strategy === 'concat' ? flat(all).under([every])
    : all.withMovedItems([]).and(strategy === 'by key' ? flat(all).under([every]) : all)
  return putAt(input, target, made)
}
