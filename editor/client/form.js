// Makes the edit form of a node from the description that the server derived from its definition.
(function () {
  const language = () => (RED.i18n.lang() === 'zh-TW' ? 'zh-TW' : 'en')
  const say = (text) => (text ? text[language()] || text.en : '')
  const words = {
    en: { name: 'Name', add: 'add', more: 'More for this node', kind: (label) => `Kind of value: ${label}`, drop: 'Remove', move: 'Drag to change the order', required: (label) => `${label} must not be empty`, number: (label) => `${label} must be a number`, range: (label) => `${label} is out of range`, pattern: (label) => `${label} has the wrong form` },
    'zh-TW': { name: '名稱', add: '新增', more: '此節點的其他設定', kind: (label) => `值的類型：${label}`, drop: '移除', move: '拖曳以調整順序', required: (label) => `${label}不可空白`, number: (label) => `${label}必須是數字`, range: (label) => `${label}超出範圍`, pattern: (label) => `${label}格式不正確` },
  }
  const w = () => words[language()]
  const modes = { code: 'ace/mode/javascript', json: 'ace/mode/json', multiline: 'ace/mode/text' }

  /** True, or a sentence: what the editor shows in the node's tooltip. */
  function validate(field, value) {
    const label = say(field.label)
    if (isEmpty(value)) return field.required && field.kind !== 'table' ? w().required(label) : true
    if (field.kind === 'number') {
      const number = Number(value)
      if (Number.isNaN(number) || (field.integer && !Number.isInteger(number))) return w().number(label)
      if ((field.minimum !== undefined && number < field.minimum) || (field.maximum !== undefined && number > field.maximum)) return w().range(label)
    }
    if (field.pattern && typeof value === 'string' && !new RegExp(field.pattern).test(value)) return w().pattern(label)
    return true
  }

  function defaults(form) {
    const all = { name: { value: '' } }
    // The stock editor keeps how many outputs a node has only of one that says so.
    if (form.ports) all.outputs = { value: form.outputLabels.length }
    for (const field of form.fields) {
      all[field.name] = { value: field.default, validate: (value) => validate(field, value) }
      if (field.kind === 'config') all[field.name].type = field.configType
      if (field.typeField) all[field.typeField] = { value: field.typeDefault }
      for (const [name, value] of Object.entries(field.also ?? {})) all[name] = { value }
    }
    return all
  }

  /** A row with its label and hint; screen readers hear both. */
  function addRow(container, prefix, field) {
    const id = `${prefix}-${field.name}`
    const row = $('<div class="form-row sluice-row"></div>').appendTo(container)
    // A table or group is no input: it is named by the text, and a click on the text leads nowhere.
    const whole = field.kind === 'table' || field.kind === 'group' || field.kind === 'own'
    $(whole ? '<div class="sluice-title"></div>' : '<label></label>').attr(whole ? { id: `${id}-label` } : { id: `${id}-label`, for: id }).text(say(field.label)).appendTo(row)
    const holder = $('<div class="sluice-input"></div>').appendTo(row)
    if (field.hint) $('<div class="sluice-hint"></div>').attr('id', `${id}-hint`).text(say(field.hint)).appendTo(row)
    return { id, row, holder, describe: (input) => (field.hint ? input.attr('aria-describedby', `${id}-hint`) : input) }
  }

  /** Makes the input of one field. Gives back how to read it (and to let go of what it holds). */
  function makeInput(node, container, prefix, field, value) {
    const made = addRow(container, prefix, field)
    const input = makeControl(node, made, field, value)
    nameParts(made.holder, say(field.label), field.hint && `${made.id}-hint`)
    return { ...input, row: made.row }
  }

  /** What a widget draws in place of an input has no name of its own. */
  function nameParts(holder, label, hintId) {
    holder.find('.red-ui-typedInput-input, .sluice-text textarea').each(function () {
      const part = $(this)
      if (!part.attr('aria-label')) part.attr('aria-label', label)
      if (hintId && !part.attr('aria-describedby')) part.attr('aria-describedby', hintId)
    })
    holder.find('.red-ui-typedInput-type-select, .red-ui-typedInput-option-trigger, .red-ui-typedInput-option-expand').each(function () {
      if (!$(this).attr('aria-label')) $(this).attr('aria-label', w().kind(label))
    })
  }

  function makeControl(node, { id, holder, describe }, field, value) {
    switch (field.kind) {
      case 'boolean': {
        const input = describe($('<input type="checkbox">').attr('id', id).prop('checked', value === true)).appendTo(holder)
        return { read: () => input.prop('checked') }
      }
      case 'choice': {
        const input = describe($('<select></select>').attr('id', id)).appendTo(holder)
        field.choices.forEach((choice, i) => $('<option></option>').attr('value', i).text(say(choice.label)).appendTo(input))
        input.val(String(Math.max(0, field.choices.findIndex((choice) => choice.value === value))))
        return { read: () => field.choices[Number(input.val())]?.value }
      }
      case 'node': {
        const input = describe($('<select></select>').attr('id', id)).appendTo(holder)
        const nodes = RED.nodes.filterNodes({ type: field.nodeType }).map((one) => [one.id, `${one.name || one.id} — ${RED.nodes.workspace(one.z)?.label ?? ''}`])
        if (value && !nodes.some(([other]) => other === value)) nodes.push([value, value])
        for (const [other, label] of [['', '—'], ...nodes]) $('<option></option>').attr('value', other).text(label).appendTo(input)
        input.val(value || '')
        return { read: () => input.val() }
      }
      case 'number': {
        const input = describe($('<input type="number">').attr('id', id)).appendTo(holder)
        if (field.minimum !== undefined) input.attr('min', field.minimum)
        if (field.maximum !== undefined) input.attr('max', field.maximum)
        input.attr('step', field.integer ? 1 : 'any').val(value ?? '')
        return { read: () => (input.val() === '' ? undefined : Number(input.val())) }
      }
      case 'expression': {
        const input = describe($('<input type="text">').attr('id', id)).appendTo(holder)
        input.typedInput({ types: [jsonata], default: 'jsonata' }).typedInput('value', value ?? '').typedInput('width', '100%')
        return { read: () => input.typedInput('value') }
      }
      case 'typed': {
        const input = describe($('<input type="text">').attr('id', id)).appendTo(holder)
        input.typedInput({ types: field.types.map(typeOf(field)), default: node[field.typeField] || field.typeDefault })
        input.typedInput('type', node[field.typeField] || field.typeDefault)
        input.typedInput('value', value ?? '').typedInput('width', '100%')
        return { read: () => input.typedInput('value'), readType: () => input.typedInput('type') }
      }
      case 'code': case 'json': case 'multiline': {
        const area = $('<div class="node-text-editor sluice-text"></div>').attr('id', id).appendTo(holder)
        const text = field.kind === 'json' ? (value === null || value === undefined ? '' : JSON.stringify(value, null, 2)) : (value ?? '')
        const editor = RED.editor.createEditor({ id: area.attr('id'), mode: modes[field.kind], value: text })
        const read = () => (field.kind === 'json' ? parse(editor.getValue(), value) : editor.getValue())
        return { read, close: () => editor.destroy() }
      }
      case 'list': {
        const input = describe($('<input type="text">').attr({ id, spellcheck: false })).val(Array.isArray(value) ? value.join(', ') : (value ?? '')).appendTo(holder)
        return { read: () => input.val().split(/[,\s]+/).filter((one) => one !== '') }
      }
      case 'group': {
        const own = field.fields.map((inner) => [inner, makeInput(node, $('<div class="sluice-group"></div>').appendTo(holder), id, inner, value?.[inner.name])])
        return { read: () => readGroup(own), close: () => own.forEach(([, input]) => input.close?.()) }
      }
      case 'own': return window.Sluice.controls[field.control]({ node, holder: holder[0], id, value, language: language() })
      case 'table': return makeTable(holder, id, field, Array.isArray(value) ? value : [])
      default: {
        const input = describe($('<input type="text">').attr({ id, spellcheck: false })).val(value ?? '').appendTo(holder)
        if (field.kind === 'template') input.addClass('sluice-mono')
        return { read: () => input.val() }
      }
    }
  }

  // An expression may be left out; the stock type marks an empty one as wrong.
  const jsonata = {
    value: 'jsonata',
    label: 'JSONata',
    icon: 'red/images/typedInput/expr.svg',
    validate: (text, options) => text === '' || RED.utils.validateTypedProperty(text, 'jsonata', options),
    expand() {
      RED.editor.editExpression({
        value: this.value().replace(/\t/g, '\n'),
        focus: true,
        complete: (text) => this.value(text.replace(/\n/g, '\t')),
      })
    },
  }

  // "str" and its like are known to the editor; any other word is a type of the node's own, which stands for a value by itself.
  const typeOf = ({ typeLabels = {} }) => (type) => {
    if (type === 'jsonata') return jsonata
    return Object.hasOwn(typeLabels, type) ? { value: type, label: say(typeLabels[type]), hasValue: false } : type
  }

  function parse(text, before) {
    if (text.trim() === '') return undefined
    try { return JSON.parse(text) } catch { return before }
  }

  function makeTable(holder, id, field, rows) {
    const list = $('<ol></ol>').attr({ id, 'aria-labelledby': `${id}-label` }).appendTo(holder)
    list.editableList({
      addItem(row, index, item) {
        const given = 'given' in item ? item.given : field.plainRows ? field.columns[0].default : emptyRow(field.columns)
        row.addClass('sluice-cells').toggleClass('sluice-many', field.columns.length > 2)
        const cells = field.columns.map((column) => makeCell(row, column, field.plainRows ? given : given?.[column.name], given))
        item.read = cells.map(({ read }) => read)
        const appear = () => {
          const values = item.values()
          field.columns.forEach((column, i) => cells[i].cell.toggle(applies(column, values, cells[i].read())))
        }
        item.values = () => rowOf(field, item.read.map((cell) => cell()))
        if (field.columns.some(({ when }) => when)) {
          row.on('change input', appear)
          appear()
        }
        nameParts(row, say(field.columns[0].label))
        row.closest('li').find('.red-ui-editableList-item-remove').attr({ role: 'button', tabindex: 0, 'aria-label': w().drop, title: w().drop }).on('keydown', function (event) {
          if (event.key !== 'Enter' && event.key !== ' ') return
          event.preventDefault()
          $(this).trigger('click')
        })
        row.closest('li').find('.red-ui-editableList-item-handle').attr('title', w().move)
        list.trigger('change')
      },
      removeItem: () => list.trigger('change'),
      removable: true,
      sortable: true,
      addButton: w().add,
    })
    rows.forEach((given, was) => list.editableList('addItem', { given, was }))
    // A row that is being made tells of its changes before all of it is there.
    const items = () => list.editableList('items').toArray().filter((element) => element.closest('.red-ui-editableList-item-deleting').length === 0).map((element) => element.data('data')).filter((item) => item.values)
    const read = () => items().map((item) => (field.plainRows ? item.read[0]() : item.values()))
    return { read, places: () => items().map(({ was }) => was) }
  }

  /** Where each output goes, as the stock dialog reads it: those of rows that were moved or removed take their wires along. */
  function outputMap({ behind }, before, places) {
    const map = {}
    for (let was = 0; was < before; was += 1) map[was] = places.indexOf(was)
    places.forEach((was, now) => { if (was === undefined) map[`_${now}`] = now })
    behind.forEach((_, i) => { map[before + i] = places.length + i })
    return JSON.stringify(map)
  }

  function rowOf(field, cells) {
    if (field.plainRows) return { value: cells[0] }
    return Object.assign({}, ...field.columns.map((column, i) => (column.kind === 'typed' ? cells[i] : { [column.name]: cells[i] })))
  }

  /** One cell of a row: its name stands above it where there are many. */
  function makeCell(row, column, value, given) {
    const label = say(column.label)
    const cell = $('<label class="sluice-cell"></label>').appendTo(row)
    if (column.kind === 'boolean') {
      const box = $('<input type="checkbox">').prop('checked', value === true)
      cell.append(box, document.createTextNode(` ${label}`))
      return { cell, read: () => box.prop('checked') }
    }
    $('<span class="sluice-caption" aria-hidden="true"></span>').text(label).appendTo(cell)
    if (column.kind === 'choice') {
      const select = $('<select></select>').attr('aria-label', label).appendTo(cell)
      column.choices.forEach((choice, i) => $('<option></option>').attr('value', i).text(say(choice.label)).appendTo(select))
      select.val(String(Math.max(0, column.choices.findIndex((choice) => choice.value === value))))
      return { cell, read: () => column.choices[Number(select.val())]?.value }
    }
    const input = $('<input>').attr({ type: column.kind === 'number' ? 'number' : 'text', placeholder: label, 'aria-label': label }).val(value ?? '').appendTo(cell)
    if (column.kind === 'number') {
      if (column.minimum !== undefined) input.attr('min', column.minimum)
      if (column.maximum !== undefined) input.attr('max', column.maximum)
      return { cell, read: () => (input.val() === '' ? undefined : Number(input.val())) }
    }
    if (column.kind === 'expression') {
      input.typedInput({ types: [jsonata], default: 'jsonata' }).typedInput('value', value ?? '')
      nameParts(cell, label)
      return { cell, read: () => input.typedInput('value') }
    }
    if (column.kind === 'typed') {
      const type = given?.[column.typeField] || column.typeDefault
      input.typedInput({ types: column.types.map(typeOf(column)), default: type }).typedInput('type', type).typedInput('value', value ?? '')
      nameParts(cell, label)
      return { cell, read: () => ({ [column.name]: input.typedInput('value'), [column.typeField]: input.typedInput('type') }) }
    }
    return { cell, read: () => input.val() }
  }

  /** Whether a field is to be seen: it means something, or it holds something that would else be forgotten. */
  function applies({ when, default: standard, kind }, values, value) {
    const means = (all) => Object.entries(all).every(([name, wanted]) => spoken(values, name.split('.')).some((one) => wanted.includes(one)))
    if (!when || [when].flat().some(means)) return true
    const plain = kind === 'typed' && typeof value === 'object' ? Object.values(value ?? {})[0] : value
    return !isEmpty(plain) && !same(plain, standard) && String(plain) !== String(standard)
  }

  /** What is said at a place: one value, or one of each row. */
  function spoken(values, [name, column]) {
    const value = values[name]
    if (column === undefined) return [value]
    return (Array.isArray(value) ? value : []).map((row) => row?.[column])
  }

  /** A node that says nothing of a property has the default: that is what runs. */
  function shown(node, field) {
    return node[field.name] === undefined ? field.default : node[field.name]
  }

  /** The group as an object without what was left empty; nothing when its first field is. */
  function readGroup(own) {
    const values = own.map(([inner, input]) => [inner.name, input.read()]).filter(([, value]) => !isEmpty(value) && value !== false)
    return values[0]?.[0] === own[0][0].name ? Object.fromEntries(values) : undefined
  }

  function portName({ ports, outputLabels, fields }, node, port) {
    const rows = shown(node, fields.find(({ name }) => name === ports.rows))
    return Array.isArray(rows) ? (rows[port]?.[ports.name] ?? ports.behind[port - rows.length]) : outputLabels[port]
  }

  function isEmpty(value) {
    return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  }

  function emptyRow(columns) {
    const row = {}
    for (const column of columns) {
      row[column.name] = column.default
      if (column.typeField) row[column.typeField] = column.typeDefault
    }
    return row
  }

  /** Whether two values are the same to the node: a number and its text where either may stand, a row and one with its defaults said. */
  function means(field, before, now) {
    const plain = (one, column) => (column.kind === 'typed' ? { [column.name]: String(one?.[column.name] ?? column.default), [column.typeField]: one?.[column.typeField] || column.typeDefault } : { [column.name]: one?.[column.name] ?? column.default })
    const whole = (value) => {
      if (field.kind === 'typed') return String(value ?? '')
      if (field.kind !== 'table' || field.plainRows || !Array.isArray(value)) return value ?? null
      return value.map((row) => Object.assign({}, ...field.columns.map((column) => plain(row, column))))
    }
    return same(whole(before), whole(now))
  }

  function same(a, b) {
    return JSON.stringify(a) === JSON.stringify(b)
  }

  /** A picker of a config node. The stock editor fills and reads it by itself. */
  function addPicker(node, container, prefix, field) {
    const row = addRow(container, prefix, field)
    $('<input type="text">').attr('id', row.id).appendTo(row.holder)
    RED.editor.prepareConfigNodeSelect(node, field.name, field.configType, prefix)
    return row
  }

  /** The stock dialog would take a picker of nothing for an empty choice, where the node has none to make. */
  function leaveUnsaid(node, prefix, fields) {
    for (const field of fields) {
      const picker = $(`#${prefix}-${field.name}`)
      if (field.kind === 'config' && node[field.name] === undefined && (isEmpty(picker.val()) || picker.val() === '_ADD_')) picker.removeAttr('id')
    }
  }

  window.Sluice = {
    /** Controls that need a script of their own, by name. */
    controls: {},

    /** Answers for types of a stock file that are not offered here. */
    ignoreType() {},

    /** Registers a type of a stock file, with fields below its form and choices in its selects. */
    registerStockType(additions, stock) {
      const inputs = new WeakMap()
      // What is not said is not written: a node of stock Node-RED stays as it was.
      const saved = (value) => (isEmpty(value) || value === false ? undefined : value)

      function open() {
        for (const [name, choices] of Object.entries(additions.choices)) {
          const select = $(`#node-input-${name}`)
          for (const [value, label] of choices) $('<option></option>').attr('value', value).text(label).appendTo(select)
          if (choices.some(([value]) => value === this[name])) select.val(this[name])
        }
        stock.oneditprepare?.call(this)
        if (additions.fields.length === 0) return
        const isSet = additions.fields.some((field) => saved(this[field.name]) !== undefined && !same(this[field.name], field.default))
        const more = $('<details class="sluice-more"></details>').prop('open', isSet).appendTo('#dialog-form')
        $('<summary></summary>').text(w().more).appendTo(more)
        inputs.set(this, additions.fields.filter(({ kind }) => kind !== 'config').map((field) => [field, makeInput(this, more, 'node-input-sluice', field, this[field.name] ?? field.default)]))
        for (const field of additions.fields.filter(({ kind }) => kind === 'config')) addPicker(this, more, 'node-input', field)
      }

      function save() {
        let changed = stock.oneditsave?.call(this) === true
        for (const [field, input] of inputs.get(this) || []) {
          const value = saved(input.read())
          if (same(saved(this[field.name]), value) || (this[field.name] === undefined && same(value, field.default))) continue
          this[field.name] = value
          changed = true
        }
        leaveUnsaid(this, 'node-input', additions.fields)
        close.call(this)
        return changed
      }

      function close() {
        for (const [, input] of inputs.get(this) || []) input.close?.()
        inputs.delete(this)
      }

      const own = Object.fromEntries(additions.fields.map((field) => [field.name, { value: undefined, ...(field.kind === 'config' ? { type: field.configType } : {}), validate: (value) => validate(field, value) }]))
      RED.nodes.registerType(additions.type, {
        ...stock,
        defaults: { ...stock.defaults, ...own },
        oneditprepare: open,
        oneditsave: save,
        oneditcancel() {
          stock.oneditcancel?.call(this)
          close.call(this)
        },
      })
    },

    /** What `RED.nodes.registerType` wants, made from a description. */
    nodeDefinition(form) {
      const prefix = form.configNode ? 'node-config-input' : 'node-input'
      const inputs = new WeakMap()

      function open() {
        const node = this
        const container = $('#dialog-form .sluice-form, #node-config-dialog-edit-form .sluice-form').last().empty()
        // The stock dialog's traps for password managers are for nobody else.
        container.closest('.red-ui-tray-body').find('[id^="red-ui-trap-"]').attr({ 'aria-hidden': 'true', tabindex: -1 })
        const own = new Map()
        // A node whose config has a name has no second one beside it.
        const name = form.fields.find((field) => field.name === 'name') ?? { name: 'name', kind: 'text', label: { en: words.en.name, 'zh-TW': words['zh-TW'].name }, default: '' }
        own.set(name, makeInput(node, container, prefix, name, node.name || ''))
        const pickers = []
        for (const field of form.fields) {
          if (field === name) continue
          if (field.kind === 'config') {
            pickers.push([field, addPicker(node, container, prefix, field)])
          } else {
            own.set(field, makeInput(node, container, `${prefix}-sluice`, field, shown(node, field)))
          }
        }
        const secrets = []
        for (const [name, kind] of Object.entries(form.credentials)) {
          const text = form.credentialTexts[name] ?? { label: { en: name, 'zh-TW': name } }
          const row = addRow(container, prefix, { name, ...text })
          secrets.push([text, row])
          const has = node.credentials && (kind === 'password' ? node.credentials[`has_${name}`] : node.credentials[name])
          $('<input>').attr({ type: kind === 'password' ? 'password' : 'text', id: row.id, autocomplete: 'off' })
            .attr(text.hint ? { 'aria-describedby': `${row.id}-hint` } : {}).val(kind === 'password' ? (has ? '__PWRD__' : '') : (has || '')).appendTo(row.holder)
        }
        inputs.set(node, own)
        const appear = () => {
          const values = Object.fromEntries([...own].map(([field, input]) => [field.name, input.read()]))
          const pickedOf = (id) => ($(`#${id}`).val() === '_ADD_' ? '' : ($(`#${id}`).val() ?? ''))
          for (const [field, { id }] of pickers) values[field.name] = pickedOf(id)
          for (const [field, input] of own) {
            input.row.toggle(applies(field, values, values[field.name]))
            // The stock widget calls an empty path wrong, also where it may be left out.
            if (field.kind === 'typed' && field.default === '' && values[field.name] === '') input.row.find('.red-ui-typedInput-container').removeClass('input-error')
          }
          for (const [field, { row }] of pickers) row.toggle(applies(field, values, values[field.name]))
          for (const [text, { row, id }] of secrets) row.toggle(applies({ ...text, default: '' }, values, $(`#${id}`).val()))
        }
        container.on('change input', appear)
        appear()
      }

      function save() {
        let changed = false
        for (const [field, input] of inputs.get(this) || []) {
          const value = input.read()
          // The stock dialog would read it after us, and say an empty name where none was said.
          if (field.name === 'name') input.row.find('input').removeAttr('id')
          if (field.name === form.ports?.rows) {
            const before = (shown(this, field) || []).length
            $('<input type="hidden">').attr('id', `${prefix}-outputs`).val(outputMap(form.ports, before, input.places())).appendTo(input.row)
          }
          // What was not said and is still the default stays unsaid.
          if (!means(field, shown(this, field), value)) {
            this[field.name] = value
            changed = true
          }
          for (const [other, said] of Object.entries(input.readAlso?.() ?? {})) {
            if (same(this[other] ?? field.also[other], said)) continue
            this[other] = said
            changed = true
          }
          if (field.typeField && (this[field.typeField] ?? field.typeDefault) !== input.readType()) {
            this[field.typeField] = input.readType()
            changed = true
          }
        }
        // The stock dialog would take what was never given for what was emptied.
        for (const name of Object.keys(form.credentials)) {
          const input = $(`#${prefix}-${name}`)
          if (input.val() === '' && !this.credentials?.[name] && !this.credentials?.[`has_${name}`]) input.removeAttr('id')
        }
        leaveUnsaid(this, prefix, form.fields)
        close.call(this)
        return changed
      }

      function close() {
        for (const input of (inputs.get(this) || new Map()).values()) if (input.close) input.close()
        inputs.delete(this)
      }

      return {
        category: form.category,
        color: form.color,
        icon: form.icon.startsWith('fa-') ? `font-awesome/${form.icon}` : form.icon,
        defaults: defaults(form),
        credentials: Object.fromEntries(Object.entries(form.credentials).map(([name, kind]) => [name, { type: kind }])),
        inputs: form.inputs,
        outputs: form.outputLabels.length,
        outputLabels: form.ports ? function (port) { return portName(form, this, port) } : form.outputLabels,
        paletteLabel: say(form.label),
        label() { return this.name || say(form.label) },
        labelStyle() { return this.name ? 'node_label_italic' : '' },
        oneditprepare: open,
        oneditsave: save,
        oneditcancel: close,
      }
    },
  }
})()
