/* StringList and RecordList (pages stringlist-object.md, recordlist-object.md): a number of items, each by its index, and what
 * For Each and JScript's Enumerator walk along. */
#include "objects.h"

/* No list of what is installed is longer. */
#define MOST_ITEMS 1000000u

struct walk {
    IEnumVARIANT face;
    LONG references;
    struct object *list;
    ULONG next;
};

static IDispatch *dispatch_of(struct object *list)
{
    return &list->dispatch;
}

HRESULT add_item(struct object *list, VARIANT *item)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 16;
        VARIANT *items = room <= MOST_ITEMS ? take_memory(room * sizeof *items) : NULL;
        if (!items) {
            objects.clear(item);
            return E_OUTOFMEMORY;
        }
        memcpy(items, list->items, list->count * sizeof *items);
        give_memory(list->items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = *item;
    return S_OK;
}

HRESULT add_text(struct object *list, const WCHAR *text)
{
    VARIANT item = {0};
    item.vt = VT_BSTR;
    item.bstrVal = objects.new_text(text, length_of(text));
    return add_item(list, &item);
}

void drop_items(struct object *list)
{
    while (list->count)
        objects.clear(&list->items[--list->count]);
    give_memory(list->items);
}

static HRESULT copy_item(const struct object *list, uint32_t index, VARIANT *out)
{
    const VARIANT *item = &list->items[index];
    *out = *item;
    if (item->vt == VT_BSTR)
        out->bstrVal = objects.new_text(item->bstrVal, length_of(item->bstrVal));
    else if (item->vt == VT_DISPATCH)
        item->pdispVal->lpVtbl->AddRef(item->pdispVal);
    return S_OK;
}

static HRESULT WINAPI walk_query(IEnumVARIANT *self, REFIID id, void **out)
{
    static const IID walk_id = {0x20404, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}};
    *out = same_id(id, &unknown_id) || same_id(id, &walk_id) ? self : NULL;
    if (!*out)
        return E_NOINTERFACE;
    InterlockedIncrement(&((struct walk *)self)->references);
    return S_OK;
}

static ULONG WINAPI walk_reference(IEnumVARIANT *self)
{
    return (ULONG)InterlockedIncrement(&((struct walk *)self)->references);
}

static ULONG WINAPI walk_release(IEnumVARIANT *self)
{
    struct walk *walk = (struct walk *)self;
    LONG left = InterlockedDecrement(&walk->references);
    if (!left) {
        IDispatch *list = dispatch_of(walk->list);
        list->lpVtbl->Release(list);
        give_memory(walk);
    }
    return (ULONG)left;
}

static HRESULT WINAPI walk_next(IEnumVARIANT *self, ULONG count, VARIANT *out, ULONG *got)
{
    struct walk *walk = (struct walk *)self;
    ULONG given = 0;
    for (; given < count && walk->next < walk->list->count; given++)
        copy_item(walk->list, walk->next++, &out[given]);
    if (got)
        *got = given;
    return given == count ? S_OK : S_FALSE;
}

static HRESULT WINAPI walk_skip(IEnumVARIANT *self, ULONG count)
{
    struct walk *walk = (struct walk *)self;
    ULONG left = walk->list->count - walk->next;
    walk->next += count < left ? count : left;
    return count <= left ? S_OK : S_FALSE;
}

static HRESULT WINAPI walk_reset(IEnumVARIANT *self)
{
    ((struct walk *)self)->next = 0;
    return S_OK;
}

static HRESULT new_walk(struct object *list, ULONG next, IEnumVARIANT **out);

static HRESULT WINAPI walk_clone(IEnumVARIANT *self, IEnumVARIANT **out)
{
    struct walk *walk = (struct walk *)self;
    return new_walk(walk->list, walk->next, out);
}

static IEnumVARIANTVtbl walk_table = {walk_query, walk_reference, walk_release, walk_next, walk_skip, walk_reset, walk_clone};

static HRESULT new_walk(struct object *list, ULONG next, IEnumVARIANT **out)
{
    struct walk *walk = take_memory(sizeof *walk);
    if (!walk)
        return E_OUTOFMEMORY;
    walk->face.lpVtbl = &walk_table;
    walk->references = 1;
    walk->list = list;
    walk->next = next;
    list->dispatch.lpVtbl->AddRef(dispatch_of(list));
    *out = &walk->face;
    return S_OK;
}

HRESULT list_count(struct object *list, const word *given, VARIANT *out)
{
    (void)given;
    out->vt = VT_I4;
    out->lVal = (LONG)list->count;
    return S_OK;
}

HRESULT list_item(struct object *list, const word *given, VARIANT *out)
{
    uint32_t index = (uint32_t)given[0];
    return index < list->count ? copy_item(list, index, out) : DISP_E_BADINDEX;
}

HRESULT list_walk(struct object *list, VARIANT *out)
{
    IEnumVARIANT *walk;
    HRESULT status = new_walk(list, 0, &walk);
    if (SUCCEEDED(status)) {
        out->vt = VT_UNKNOWN;
        out->punkVal = (IUnknown *)walk;
    }
    return status;
}
