// The table of the map node: rows, the tree of what the wire carries, the result beside them. What it shows is worked out by the
// code that gateways run.
(function () {
  const { texts, parseTyped, printTyped, parseLines, printLines, parseList, printList } = window.Sluice.mapTexts

  let loading
  const loadMapping = () => (loading ??= import(new URL('mapping/mapping.ts', document.baseURI).href).catch((error) => {
    loading = undefined
    throw error
  }))

  /** An element; `on…` are listeners, everything else attributes. */
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === false) continue
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
      else if (name === 'value') element.value = value
      else if (name === 'checked') element.checked = value
      else element.setAttribute(name, value === true ? '' : value)
    }
    element.append(...children.filter((child) => child !== undefined && child !== null))
    return element
  }
  const button = (text, attributes) => h('button', { type: 'button', class: 'red-ui-button red-ui-button-small', ...attributes }, text)
  const icon = (name, label, attributes) => button(h('i', { class: `fa fa-${name}`, 'aria-hidden': 'true' }), { 'aria-label': label, title: label, ...attributes })

  const shorten = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)
  const isPlain = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

  window.Sluice.controls.map = function ({ node, holder, id, value, language }) {
    const t = texts[language]
    const say = (words) => words[language] ?? words.en
    const rows = JSON.parse(JSON.stringify(Array.isArray(value) ? value : []))
    const remembered = `sluice-map-example-${node.id}`
    let touched = false
    let closed = false
    let mapping
    let example = node.example || recall() || ''
    let keep = Boolean(node.example)
    let active = '' // prefix of the table in hand
    let armed // source that the tree fills when it is empty
    let seen = { message: undefined, values: new Map(), items: new Map(), steps: new Map(), result: undefined }
    let timer
    let picker

    function recall() {
      try { return sessionStorage.getItem(remembered) } catch { return '' }
    }
    function remember() {
      try { sessionStorage.setItem(remembered, example.length > 1_000_000 ? '' : example) } catch { /* a full or closed store: it is asked for again */ }
    }

    // ---- frame
    const list = h('ol', { class: 'sm-rows', id, 'aria-labelledby': `${id}-label` })
    const sources = h('datalist', { id: `${id}-sources` })
    const fields = h('datalist', { id: `${id}-fields` })
    const tree = h('ul', { class: 'sm-tree', role: 'tree', 'aria-label': t.carried, onkeydown: treeKey })
    const area = h('textarea', { class: 'sm-example', id: `${id}-example`, rows: '6', spellcheck: 'false', 'aria-describedby': `${id}-example-hint ${id}-status`, oninput: () => { example = area.value; changedExample() } })
    const status = h('div', { class: 'sm-status', id: `${id}-status`, role: 'status' })
    const samples = h('select', { class: 'sm-samples', 'aria-label': t.sample, hidden: true, onchange: takeSample })
    const result = h('pre', { class: 'sm-result', tabindex: '0', 'aria-label': t.result })
    const keeper = h('input', { type: 'checkbox', checked: keep, onchange: () => { keep = keeper.checked; touched = true } })
    const code = h('textarea', { class: 'sm-code', readonly: true, rows: '10', 'aria-label': 'JSONata', spellcheck: 'false' })
    const codeRemark = h('div', { class: 'sm-remark' }, t.jsonataHint)
    const codePanel = h('div', { class: 'sm-jsonata', hidden: true }, codeRemark, code)
    const copy = button(t.copy, { onclick: copyCode })
    codePanel.append(copy)
    const showCode = button(t.jsonata, { 'aria-expanded': 'false', class: 'red-ui-button red-ui-button-small sm-show-jsonata', onclick() {
      codePanel.hidden = !codePanel.hidden
      showCode.setAttribute('aria-expanded', String(!codePanel.hidden))
      renderCode()
    } })
    const frame = h('div', { class: 'sluice-map' }, h('div', { class: 'sm-columns' },
      h('div', { class: 'sm-left' }, list, h('div', { class: 'sm-bar' }, button(t.add, { class: 'red-ui-button red-ui-button-small sm-add', onclick: () => addRow(rows, '') }), showCode), codePanel),
      h('div', { class: 'sm-right' },
        h('div', { class: 'sm-heading' }, t.result), result,
        h('div', { class: 'sm-heading' }, t.carried), h('div', { class: 'sluice-hint' }, t.carriedHint), tree,
        h('label', { class: 'sm-heading', for: `${id}-example` }, t.exampleTitle), h('div', { class: 'sluice-hint', id: `${id}-example-hint` }, t.exampleHint),
        h('div', { class: 'sm-bar' }, button(t.last, { class: 'red-ui-button red-ui-button-small sm-last', onclick: () => void takeLast() }), ...mockButtons()), area, status, samples,
        h('label', { class: 'sm-keep' }, keeper, ` ${t.keep}`))), sources, fields)
    area.value = example
    holder.append(frame)
    list.append(h('li', {}, t.loading))
    widen()
    loadMapping().then((module) => {
      if (closed) return
      mapping = module
      renderRows()
      changedExample(true)
    }, () => { list.replaceChildren(h('li', { role: 'alert' }, t.broken)) })

    /** The table wants room; whoever made the dialog another size keeps it. */
    function widen() {
      const tray = holder.closest('.red-ui-tray')
      const room = $('#red-ui-editor-stack').position()?.left
      if (tray && room > 600) $(tray).width(Math.min(1120, room - 60))
    }

    // ---- rows
    function changed(redraw) {
      touched = true
      if (redraw) renderRows()
      schedule()
    }
    function schedule() {
      clearTimeout(timer)
      timer = setTimeout(preview, 150)
    }

    function addRow(table, prefix, row = { to: '', from: '' }) {
      table.push(row)
      changed(true)
      focusOn(`${prefix}${table.length - 1}`, row.to === '' ? '.sm-to' : '.sm-from')
      return row
    }

    function focusOn(place, what) {
      list.querySelector(`[data-place="${place}"]`)?.querySelector(what)?.focus()
    }

    function renderRows() {
      picker = undefined
      list.replaceChildren(...renderTable(rows, ''))
      fill()
    }

    function renderTable(table, prefix) {
      return table.map((row, i) => renderRow(table, row, i, prefix))
    }

    function renderRow(table, row, i, prefix) {
      const place = `${prefix}${i}`
      const name = t.row(place.split('.each.').map((part) => Number(part) + 1).join('.'))
      const activate = () => {
        if (active === prefix) return
        active = prefix
        renderTree()
      }
      const target = h('input', { class: 'sm-to', type: 'text', spellcheck: 'false', placeholder: t.targetHint, 'aria-label': t.target(name), 'aria-describedby': `${id}-problem-${place}`, value: row.to ?? '', onfocus: activate, oninput: () => { row.to = target.value.trim(); changed() } })
      const kind = h('select', { class: 'sm-kind', 'aria-label': t.kind(name), onchange() {
        if (kind.value === 'from') { delete row.value; row.from = '' } else { delete row.from; row.value = '' }
        changed(true)
        focusOn(place, '.sm-from')
      } }, h('option', { value: 'from' }, t.fromSource), h('option', { value: 'value' }, t.fromConstant))
      kind.value = row.from === undefined ? 'value' : 'from'
      const from = row.from === undefined
        ? h('input', { class: 'sm-from', type: 'text', 'aria-label': t.constant(name), 'aria-describedby': `${id}-problem-${place}`, value: printTyped(row.value), onfocus: activate, oninput: () => { row.value = parseTyped(from.value); changed() } })
        : sourceInput(t.source(name), () => row.from, (text) => { row.from = text }, activate, { class: 'sm-from', 'aria-describedby': `${id}-problem-${place}` })
      const move = (by) => () => {
        table.splice(i + by, 0, ...table.splice(i, 1))
        changed(true)
        focusOn(`${prefix}${i + by}`, by < 0 ? '.sm-up' : '.sm-down')
      }
      const actions = h('div', { class: 'sm-more' },
        button(t.addFunction, { class: 'red-ui-button red-ui-button-small sm-add-function', 'aria-expanded': 'false', onclick: (event) => openPicker(event.currentTarget, row, place) }),
        row.default === undefined ? button(t.addDefault, { class: 'red-ui-button red-ui-button-small sm-add-default', onclick: () => { row.default = ''; changed(true); focusOn(place, '.sm-default') } }) : defaultInput(row, name),
        row.each === undefined ? button(t.addEach, { class: 'red-ui-button red-ui-button-small sm-add-each', onclick: () => { row.each = [{ to: '', from: 'item' }]; changed(true); focusOn(`${place}.each.0`, '.sm-to') } }) : button(t.dropEach, { onclick: () => { delete row.each; changed(true) } }))
      const item = h('li', { class: 'sm-row', 'data-place': place },
        h('div', { class: 'sm-main' }, target, h('span', { class: 'sm-arrow', 'aria-hidden': 'true' }, '←'), kind, from,
          icon('arrow-up', t.up(name), { disabled: i === 0, class: 'red-ui-button red-ui-button-small sm-up', onclick: move(-1) }),
          icon('arrow-down', t.down(name), { disabled: i === table.length - 1, class: 'red-ui-button red-ui-button-small sm-down', onclick: move(1) }),
          icon('trash', t.drop(name), { class: 'red-ui-button red-ui-button-small sm-drop', onclick: () => { table.splice(i, 1); changed(true) } })),
        ...(row.do ?? []).map((step, s) => renderStep(row, step, s, place, activate)),
        actions,
        h('div', { class: 'sm-value', id: `${id}-value-${place}` }),
        h('div', { class: 'sm-problem', id: `${id}-problem-${place}`, 'aria-live': 'polite' }))
      if (row.each) {
        item.append(h('div', { class: 'sm-each' }, h('div', { class: 'sm-each-title' }, t.eachTitle), h('ol', { class: 'sm-rows', 'aria-label': `${name}: ${t.eachTitle}` }, ...renderTable(row.each, `${place}.each.`)),
          button(t.add, { class: 'red-ui-button red-ui-button-small sm-add', onclick: () => addRow(row.each, `${place}.each.`) })))
      }
      return item
    }

    function defaultInput(row, name) {
      const input = h('input', { class: 'sm-default', type: 'text', 'aria-label': `${t.default}, ${name}`, value: printTyped(row.default), oninput: () => { row.default = parseTyped(input.value); changed() } })
      return h('span', { class: 'sm-step' }, h('strong', {}, t.default), input, icon('times', t.dropDefault, { onclick: () => { delete row.default; changed(true) } }))
    }

    /** A place in the message, with what is known to lie there to choose from. */
    function sourceInput(label, read, write, activate, attributes) {
      const input = h('input', { type: 'text', spellcheck: 'false', autocomplete: 'off', list: `${id}-sources`, placeholder: 'payload.…', 'aria-label': label, value: read() ?? '', ...attributes, onfocus() {
        activate()
        armed = { input, write }
        sources.replaceChildren(...flatten(roots()).slice(0, 300).map((source) => h('option', { value: source })))
      }, oninput: () => { write(input.value.trim()); changed() } })
      return input
    }

    function flatten(places) {
      return places.flatMap((place) => [place.source, ...flatten(place.below)])
    }

    // ---- functions of a row
    function renderStep(row, step, at, place, activate) {
      const used = mapping.functionOf(step.function)
      const label = used ? say(used.label) : step.function
      const box = h('div', { class: 'sm-step', role: 'group', 'aria-label': label }, h('strong', { title: used ? say(used.summary) : '' }, label))
      for (const [i, one] of (used?.arguments ?? []).entries()) box.append(renderArgument(step, one, i, place, at, activate))
      box.append(icon('times', t.dropStep(label), { onclick() {
        row.do.splice(at, 1)
        if (row.do.length === 0) delete row.do
        changed(true)
        focusOn(place, '.sm-add-function')
      } }))
      return box
    }

    function renderArgument(step, one, i, place, at, activate) {
      const label = say(one.label)
      step.with ??= []
      const given = step.with[i]
      const set = (argument) => {
        while (step.with.length < i) step.with.push({ value: mapping.functionOf(step.function).arguments[step.with.length].default ?? '' })
        step.with[i] = argument
      }
      const reads = given?.from !== undefined
      const holder = h('span', { class: 'sm-argument' })
      let input
      if (reads) input = sourceInput(label, () => given.from, (text) => set({ from: text }), activate, {})
      else input = constantInput(one, label, given?.value === undefined ? one.default : given.value, (next) => { set({ value: next }); changed() }, place, at)
      const caption = h('span', { class: 'sm-caption' }, label)
      holder.append(caption)
      if (!one.constant) {
        const kind = h('select', { 'aria-label': t.argumentFrom(label), class: 'sm-argument-kind', onchange() {
          set(kind.value === 'from' ? { from: '' } : { value: one.default ?? emptyOf(one.kind) })
          changed(true)
          list.querySelector(`[data-place="${place}"]`)?.querySelectorAll(':scope > .sm-step')[at]?.querySelectorAll('.sm-argument')[i]?.querySelector('input, textarea')?.focus()
        } }, h('option', { value: 'value' }, t.fromConstant), h('option', { value: 'from' }, t.fromSource))
        kind.value = reads ? 'from' : 'value'
        holder.append(kind)
      }
      holder.append(input)
      return holder
    }

    function emptyOf(kind) {
      if (kind === 'list') return []
      if (kind === 'object') return {}
      return kind === 'number' || kind === 'integer' ? 0 : kind === 'boolean' ? false : ''
    }

    function constantInput(one, label, standing, write, place, at) {
      const common = { 'aria-label': label }
      switch (one.kind) {
        case 'choice': {
          const select = h('select', { ...common, onchange: () => write(select.value) }, ...Object.entries(one.choices).map(([name, words]) => h('option', { value: name }, say(words))))
          select.value = standing
          return select
        }
        case 'number': case 'integer': {
          const input = h('input', { ...common, type: 'number', step: one.kind === 'integer' ? '1' : 'any', min: one.minimum, max: one.maximum, value: standing ?? '', oninput: () => write(input.value === '' ? '' : Number(input.value)) })
          return input
        }
        case 'boolean': {
          const input = h('input', { ...common, type: 'checkbox', checked: standing === true, onchange: () => write(input.checked) })
          return input
        }
        case 'object': {
          const input = h('textarea', { ...common, rows: '3', spellcheck: 'false', placeholder: 'A = 1', oninput: () => write(parseLines(input.value)) })
          input.value = printLines(standing)
          return input
        }
        case 'list': {
          const input = h('input', { ...common, type: 'text', spellcheck: 'false', value: printList(standing), oninput: () => write(parseList(input.value)) })
          return input
        }
        case 'field': {
          const input = h('input', { ...common, type: 'text', spellcheck: 'false', autocomplete: 'off', list: `${id}-fields`, value: standing ?? '', oninput: () => write(input.value.trim()), onfocus() {
            const worked = seen.steps.get(`${place} ${at}`)
            const items = one.of === undefined ? worked?.value : worked?.args[one.of]
            const found = mapping.toPlaces(Array.isArray(items) ? items : [items], '', []).below
            fields.replaceChildren(...flatten(found).map((source) => h('option', { value: source.replace(/^\[\]\.?/, '') })))
          } })
          return input
        }
        case 'text': {
          const input = h('input', { ...common, type: 'text', maxlength: one.maximum, value: standing ?? '', oninput: () => write(input.value) })
          return input
        }
        default: {
          const input = h('input', { ...common, type: 'text', value: printTyped(standing), oninput: () => write(parseTyped(input.value)) })
          return input
        }
      }
    }

    /** The list of functions below the button, with a search; the one in hand shows its example. */
    function openPicker(opener, row, place) {
      const again = picker?.opener === opener
      closePicker()
      if (again) return
      const options = h('ul', { role: 'listbox', id: `${id}-functions`, 'aria-label': t.pick, class: 'sm-options' })
      const detail = h('div', { class: 'sm-detail', 'aria-live': 'polite', id: `${id}-function-detail` })
      let found = []
      let at = 0
      const search = h('input', { type: 'search', class: 'sm-search', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': `${id}-functions`, 'aria-label': t.search, placeholder: t.search, 'aria-describedby': `${id}-function-detail`, oninput: () => { at = 0; renderOptions() }, onkeydown(event) {
        if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
          at = Math.max(0, Math.min(found.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1)))
          mark(true)
        } else if (event.key === 'Enter') {
          if (found[at]) take(found[at])
        } else if (event.key === 'Escape') {
          closePicker()
          opener.focus()
        } else return
        event.preventDefault()
        event.stopPropagation()
      } })
      const box = h('div', { class: 'sm-picker', role: 'dialog', 'aria-label': t.pick }, search, h('div', { class: 'sm-picker-columns' }, options, detail))

      function renderOptions() {
        const wanted = search.value.trim().toLowerCase()
        const holds = (...all) => all.some((text) => text.toLowerCase().includes(wanted))
        // What is called so comes alone; only when nothing is, what is described so.
        const called = mapping.functions.filter((one) => holds(one.name, one.label.en, one.label['zh-TW']))
        const fitting = called.length > 0 ? called : mapping.functions.filter((one) => holds(one.summary.en, one.summary['zh-TW'], say(mapping.categoryWords[one.category])))
        found = Object.keys(mapping.categoryWords).flatMap((category) => fitting.filter((one) => one.category === category))
        const children = []
        let category
        found.forEach((one, i) => {
          if (one.category !== category) children.push(h('li', { role: 'presentation', class: 'sm-category' }, say(mapping.categoryWords[(category = one.category)])))
          children.push(h('li', { role: 'option', id: `${id}-function-${i}`, 'aria-selected': 'false', onclick: () => take(one), onmousemove: () => { if (at !== i) { at = i; mark(false) } } }, say(one.label)))
        })
        options.replaceChildren(...(found.length > 0 ? children : [h('li', { role: 'presentation' }, t.none)]))
        mark(false)
      }
      function mark(scroll) {
        options.querySelectorAll('[role=option]').forEach((option, i) => {
          option.setAttribute('aria-selected', String(i === at))
          if (i === at && scroll) option.scrollIntoView({ block: 'nearest' })
        })
        const one = found[at]
        if (one) search.setAttribute('aria-activedescendant', `${id}-function-${at}`)
        else search.removeAttribute('aria-activedescendant')
        detail.replaceChildren(...(one ? describe(one) : []))
      }
      function take(one) {
        row.do = [...(row.do ?? []), { function: one.name, with: one.arguments.map((argument) => (argument.kind === 'list' || argument.kind === 'object' ? { from: '' } : { value: argument.default ?? emptyOf(argument.kind) })) }]
        if (one.arguments.length === 0) delete row.do.at(-1).with
        changed(true)
        const steps = list.querySelector(`[data-place="${place}"]`)?.querySelectorAll(':scope > .sm-step')
        const last = steps?.[steps.length - 1]
        ;(last?.querySelector('.sm-argument input, .sm-argument select:not(.sm-argument-kind), .sm-argument textarea') ?? last?.parentElement.querySelector('.sm-add-function'))?.focus()
      }

      opener.setAttribute('aria-expanded', 'true')
      opener.closest('.sm-more').after(box)
      picker = { opener, box }
      renderOptions()
      search.focus()
    }

    function describe(one) {
      const { value: given, with: args, gives } = one.example
      const rows = [[t.value, given], ...one.arguments.map((argument, i) => [say(argument.label), args[i]]), [t.yields, gives]]
      return [h('strong', {}, say(one.label)), h('div', {}, say(one.summary)), h('div', { class: 'sm-caption' }, t.example),
        h('table', {}, ...rows.map(([name, one]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, shorten(JSON.stringify(one), 200)))))]
    }

    function closePicker() {
      picker?.opener.setAttribute('aria-expanded', 'false')
      picker?.box.remove()
      picker = undefined
    }

    // ---- example and preview
    function changedExample(first) {
      if (!first) {
        touched = true
        remember()
      }
      const parsed = mapping && example.trim() !== '' ? parseTyped(example) : undefined
      const found = mapping && typeof parsed === 'object' ? mapping.toSamples(parsed) : []
      samples.hidden = found.length === 0
      samples.replaceChildren(h('option', { value: '' }, t.choose), ...found.map(({ name }, i) => h('option', { value: i }, name)))
      samples.found = found
      const wrong = example.trim() !== '' && parsed === example
      // Who was quick waits for a message already when this is loaded: what is said of that stays.
      if (wrong || !first) status.textContent = wrong ? t.noJson : ''
      schedule()
    }

    function setExample(message) {
      example = JSON.stringify(message, null, 1)
      area.value = example
      changedExample()
    }

    function takeSample() {
      const sample = samples.found?.[Number(samples.value)]
      if (samples.value !== '' && sample) setExample({ payload: sample.value })
    }

    /** Buttons for the mock answers of callouts that lie before this node. */
    function mockButtons() {
      const before = typeof RED.nodes.getAllUpstreamNodes === 'function' ? RED.nodes.getAllUpstreamNodes(node) : []
      return before.filter((one) => one.type === 'service callout' && one.sandboxBodyType !== 'str' && isPlainOrList(parseTyped(one.sandboxBody ?? ''))).slice(0, 3)
        .map((one) => button(t.mock(one.name || 'service callout'), { onclick: () => setExample({ ...(mapping?.parseExample(example) ?? {}), payload: parseTyped(one.sandboxBody) }) }))
    }
    function isPlainOrList(one) {
      return typeof one === 'object' && one !== null
    }

    /** The newest message that came here, as the gateway recorded it; when there is none, that of the next request. */
    async function takeLast() {
      status.textContent = ''
      try {
        if (await takeRecorded()) return
        await $.ajax({ url: 'sluice/watch', type: 'POST', contentType: 'application/json', data: JSON.stringify({ flow: node.z, next: 1, forMs: 60_000 }) })
        status.textContent = t.waiting
        for (let i = 0; i < 60 && !closed; i++) {
          await new Promise((resolve) => setTimeout(resolve, 1000))
          if (await takeRecorded()) return
        }
        status.textContent = t.nothing
      } catch (error) {
        status.textContent = error.local ? t.hidden : t.failed
      }
    }

    async function takeRecorded() {
      const answer = await $.getJSON('sluice/runs', { flow: node.z, limit: 20 })
      const runs = answer.runs ?? answer.traces ?? []
      const before = new Set(RED.nodes.getNodeLinks(node.id, 1).map((link) => link.source.id))
      for (const head of runs) {
        if (head.payloads !== 'shown') continue
        const run = await $.getJSON(`sluice/runs/${encodeURIComponent(head.id)}`)
        const own = run.steps.filter((step) => step.node === node.id && step.in !== undefined).map((step) => step.in)
        const sent = run.steps.filter((step) => before.has(step.node)).flatMap((step) => step.sends.map((send) => send.message))
        const message = run.messages[(own.length > 0 ? own : sent).filter((one) => one !== undefined).at(-1)]
        if (!isPlain(message)) continue
        const { res: _, ...rest } = message
        if (run.request && 'req' in rest) rest.req = requestOf(run.request, head.route)
        setExample(rest)
        status.textContent = `${t.taken} ${new Date(head.at).toLocaleString(language)}`
        return true
      }
      if (runs.length > 0 && runs.every((head) => head.payloads === 'local')) throw Object.assign(new Error(), { local: true })
      return false
    }

    /** What flows read of a request, as far as the record tells. */
    function requestOf({ method, url }, route = '') {
      const { pathname, searchParams } = new URL(url, 'http://sluice')
      const parts = pathname.split('/')
      const params = route.split('/').flatMap((part, i) => (part.startsWith(':') ? [[part.slice(1), decodeURIComponent(parts[i] ?? '')]] : []))
      return { method, url, path: pathname, params: Object.fromEntries(params), query: Object.fromEntries(searchParams) }
    }

    function preview() {
      if (!mapping || closed) return
      const message = mapping.parseExample(example)
      seen = { message, values: new Map(), items: new Map(), steps: new Map(), result: undefined, failed: undefined }
      if (message) {
        try {
          seen.result = mapping.compileRows(rows)({
            root: (name) => (Object.hasOwn(message, name) ? message[name] : undefined),
            open: (one) => one,
            watch: (place, one, lost) => seen.values.set(place, { value: one, lost }),
            watchItems: (place, items) => seen.items.set(place, items),
            watchStep: (place, step, one, args) => seen.steps.set(`${place} ${step}`, { value: one, args }),
          })
        } catch {
          seen.failed = t.tooMuch
        }
      }
      fill()
      renderTree()
      renderCode()
    }

    function fill() {
      if (!mapping) return
      const text = JSON.stringify(seen.result, null, 2) ?? t.empty
      result.textContent = seen.failed ?? (seen.message ? shorten(text, 20_000) : t.noExample)
      const problems = mapping.checkRows(rows)
      const all = problems.length > 0 ? problems : mapping.checkExample(rows, example)
      for (const element of list.querySelectorAll('.sm-row')) {
        const { place } = element.dataset
        const mine = all.filter((one) => one.place === place)
        const own = (what) => element.querySelector(`:scope > ${what}`)
        // A row that somebody has only begun is not told off.
        const row = rowAt(place)
        const begun = row.to === '' && (row.from === '' || row.from === undefined) && !row.do
        own('.sm-problem').textContent = begun ? '' : mine.map((one) => `${say(one.message).replace(/^[^:：]*[:：]\s*/, '')} ${say(one.remedy)}`).join(' ')
        element.classList.toggle('sm-wrong', !begun && mine.length > 0)
        const wrong = (codes) => String(!begun && mine.some((one) => codes.includes(one.code) && one.step === undefined))
        own('.sm-main').querySelector('.sm-to').setAttribute('aria-invalid', wrong(['map.target', 'map.duplicate']))
        own('.sm-main').querySelector('.sm-from').setAttribute('aria-invalid', wrong(['map.source']))
        const worked = seen.values.get(place)
        own('.sm-value').textContent = !worked ? '' : worked.value === undefined || worked.value === null
          ? `${t.empty} ${worked.lost === undefined ? '' : worked.lost < 0 ? t.lostSource : t.lostAt(nameOf(row.do?.[worked.lost]?.function))}`
          : `= ${shorten(JSON.stringify(worked.value), 160)}`
        own('.sm-value').classList.toggle('sm-nothing', worked !== undefined && (worked.value === undefined || worked.value === null))
      }
    }

    function nameOf(name) {
      const used = mapping.functionOf(name)
      return used ? say(used.label) : name
    }

    function rowAt(place) {
      let table = rows
      let row
      for (const part of place.split('.each.')) {
        row = table[Number(part)]
        table = row?.each ?? []
      }
      return row ?? { to: '' }
    }

    // ---- tree of sources
    function roots() {
      if (!mapping) return []
      const places = []
      const chain = active.split('.each.').slice(0, -1)
      if (chain.length > 0) {
        places.push(mapping.toPlaces(itemOf(chain), 'item', ['item']))
        if (chain.length > 1) places.push(mapping.toPlaces(itemOf(chain.slice(0, -1)), 'parent', ['parent']))
      }
      // What rows keep for others, of this table and of those around it.
      for (let i = chain.length; i >= 0; i--) {
        const prefix = chain.slice(0, i).map((part) => `${part}.each.`).join('')
        tableAt(prefix).forEach((row, at) => {
          if (row.to?.startsWith('$')) places.push(mapping.toPlaces(seen.values.get(`${prefix}${at}`)?.value, row.to, [row.to]))
        })
      }
      for (const [name, one] of Object.entries(seen.message ?? {})) if (name !== 'res' && name !== '_msgid') places.push(mapping.toPlaces(one, name, [name]))
      return places
    }

    /** All items of the list that a table goes through, as one that has the fields of all. */
    function itemOf(chain) {
      const items = seen.items.get(chain.join('.each.')) ?? []
      return items.every(isPlain) ? Object.assign({}, ...items.slice(0, 20).toReversed()) : items[0]
    }

    const open = new Set(['payload', 'item'])
    function renderTree() {
      const focused = tree.contains(document.activeElement) ? document.activeElement.dataset.source : undefined
      tree.replaceChildren(...roots().map((place) => renderPlace(place, 1)))
      const items = [...tree.querySelectorAll('[role=treeitem]')]
      const current = items.find((one) => one.dataset.source === focused) ?? items[0]
      current?.setAttribute('tabindex', '0')
      if (focused !== undefined) current?.focus()
    }

    function renderPlace(place, level) {
      const isOpen = open.has(place.source)
      const item = h('li', { role: 'treeitem', tabindex: '-1', 'aria-level': level, 'data-source': place.source, ...(place.below.length > 0 ? { 'aria-expanded': String(isOpen) } : {}), onclick(event) {
        event.stopPropagation()
        if (event.target.closest('.sm-twist')) toggle(place.source)
        else pick(place)
      } }, h('span', { class: 'sm-place' },
        h('span', { class: place.below.length > 0 ? 'sm-twist' : 'sm-leaf', 'aria-hidden': 'true' }, place.below.length > 0 ? (isOpen ? '▾' : '▸') : ''),
        h('span', { class: 'sm-name' }, place.name), h('span', { class: 'sm-kindname' }, ` ${place.kind === 'list' ? t.items(place.sample) : place.kind === 'object' || place.kind === 'null' ? t.kinds[place.kind] : ''}`),
        h('span', { class: 'sm-sample' }, place.kind === 'list' ? '' : ` ${place.sample}`)))
      if (isOpen && place.below.length > 0) item.append(h('ul', { role: 'group' }, ...place.below.map((one) => renderPlace(one, level + 1))))
      return item
    }

    function toggle(source, wanted = !open.has(source)) {
      if (wanted) open.add(source)
      else open.delete(source)
      renderTree()
    }

    function treeKey(event) {
      const items = [...tree.querySelectorAll('[role=treeitem]')]
      const at = items.indexOf(document.activeElement)
      const item = items[at]
      if (!item) return
      const go = (one) => {
        if (!one) return
        items.forEach((other) => other.setAttribute('tabindex', '-1'))
        one.setAttribute('tabindex', '0')
        one.focus()
      }
      if (event.key === 'ArrowDown') go(items[at + 1])
      else if (event.key === 'ArrowUp') go(items[at - 1])
      else if (event.key === 'Home') go(items[0])
      else if (event.key === 'End') go(items.at(-1))
      else if (event.key === 'ArrowRight' && item.getAttribute('aria-expanded') === 'false') toggle(item.dataset.source, true)
      else if (event.key === 'ArrowRight') go(items[at + 1])
      else if (event.key === 'ArrowLeft' && item.getAttribute('aria-expanded') === 'true') toggle(item.dataset.source, false)
      else if (event.key === 'ArrowLeft') go(item.parentElement.closest('[role=treeitem]'))
      else if (event.key === 'Enter' || event.key === ' ') pick(findPlace(roots(), item.dataset.source))
      else return
      event.preventDefault()
      event.stopPropagation()
    }

    function findPlace(places, source) {
      for (const place of places) {
        if (place.source === source) return place
        const below = findPlace(place.below, source)
        if (below) return below
      }
      return undefined
    }

    function pick(place) {
      if (!place) return
      const source = ofItem(place.source)
      if (armed?.input.isConnected && armed.input.value.trim() === '') {
        armed.input.value = source
        armed.write(source)
        const row = armed.input.classList.contains('sm-from') ? rowAt(armed.input.closest('.sm-row').dataset.place) : undefined
        if (row && row.to === '') {
          row.to = nameFor(place, tableAt(active))
          armed.input.closest('.sm-row').querySelector('.sm-to').value = row.to
        }
        changed()
        armed.input.focus()
        return
      }
      const table = tableAt(active)
      table.push({ to: nameFor(place, table), from: source })
      changed(true)
      list.querySelector(`[data-place="${active}${table.length - 1}"]`)?.scrollIntoView({ block: 'nearest' })
    }

    function tableAt(prefix) {
      return prefix === '' ? rows : rowAt(prefix.replace(/\.each\.$/, '')).each ?? rows
    }

    /** Within a table of a list, what lies in that list is said of the item. */
    function ofItem(source) {
      const chain = active.split('.each.').slice(0, -1)
      for (const [name, length] of [['item', chain.length], ['parent', chain.length - 1]]) {
        const from = length > 0 ? rowAt(chain.slice(0, length).join('.each.')).from : undefined
        if (from && (source === `${from}[]` || source.startsWith(`${from}[].`))) return name + source.slice(from.length + 2)
      }
      return source
    }

    function nameFor(place, table) {
      const plain = /^[^\s.[\]"*$]+$/.test(place.name) ? place.name : 'field'
      const used = new Set(table.map((row) => row.to))
      if (!used.has(plain)) return plain
      for (let i = 2; ; i++) if (!used.has(`${plain}${i}`)) return `${plain}${i}`
    }

    // ---- JSONata
    function renderCode() {
      if (codePanel.hidden || !mapping) return
      const { text, missing } = mapping.toJsonata(clean(rows))
      code.value = text
      codeRemark.textContent = missing.length > 0 ? t.missing(missing.map(nameOf).join(', ')) : t.jsonataHint
    }

    async function copyCode() {
      try {
        await navigator.clipboard.writeText(code.value)
      } catch {
        code.select() // a page without the right to the clipboard lets the hand do it
        document.execCommand('copy')
      }
      copy.textContent = t.copied
      setTimeout(() => { copy.textContent = t.copy }, 1500)
    }

    /** The example as it is kept in the flow: the first items of long lists, the beginnings of long texts, nothing that is too large all the same. */
    function toKept() {
      const message = mapping?.parseExample(example)
      if (!message) return node.example ?? ''
      const cut = (one) => {
        if (typeof one === 'string') return shorten(one, 500)
        if (Array.isArray(one)) return one.slice(0, 20).map(cut)
        return isPlain(one) ? Object.fromEntries(Object.entries(one).map(([name, below]) => [name, cut(below)])) : one
      }
      const text = JSON.stringify(cut(message))
      return text.length > 200_000 ? '' : text
    }

    /** Rows as they go into the flow: nothing that says nothing. */
    function clean(table) {
      return table.filter((row) => !(row.to === '' && (row.from === '' || row.from === 'item') && !row.do && !row.each)).map((row) => ({
        to: row.to,
        ...(row.from === undefined ? { value: row.value } : { from: row.from }),
        ...(row.do?.length > 0 ? { do: row.do.map((step) => ({ function: step.function, ...(step.with?.length > 0 ? { with: step.with } : {}) })) } : {}),
        ...(row.default === undefined ? {} : { default: row.default }),
        ...(row.each ? { each: clean(row.each) } : {}),
      }))
    }

    return {
      read: () => (touched && mapping ? clean(rows) : value),
      readAlso: () => ({ example: touched ? (keep ? toKept() : '') : (node.example ?? '') }),
      close() {
        closed = true
        clearTimeout(timer)
      },
    }
  }
})()
