import { defineNode } from '../../runtime/core/node.ts'

/** A point where wires meet. It is compiled away. */
export const junction = defineNode<object, 'out'>({
  type: 'junction',
  category: 'link',
  label: { en: 'junction', 'zh-TW': '接點' },
  summary: { en: 'A point where wires meet. It costs nothing.', 'zh-TW': '接線匯合點，不增加任何成本。' },
  stockForm: 'common/05-junction',
  outputs: ['out'],
  config: { type: 'object', properties: {} },
})
