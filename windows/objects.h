/* The objects that scripts see: what objects.c, members.c and lists.c share. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "forward.h"
#include "script.h"

enum kind { SESSION, INSTALLER, DATABASE, VIEW, RECORD, SUMMARY, FEATURE, LIST };

struct object {
    IDispatch dispatch;
    LONG references;
    enum kind kind;
    uint32_t handle;
    /* A session's handle belongs to the installer. */
    int owned;
    /* A feature's name. */
    BSTR name;
    /* What a list holds. */
    VARIANT *items;
    uint32_t count, room;
};

/* What a member does that is more than one call; `given` are its arguments. */
typedef HRESULT (*member_function)(struct object *object, const word *given, VARIANT *out);

extern const IID unknown_id;
int same_id(const IID *one, const IID *other);

/* ---- objects.c ---- */
struct object *new_object(enum kind kind, uint32_t handle, int owned);
HRESULT object_result(enum kind kind, uint32_t handle, VARIANT *out);
HRESULT number_result(uint32_t number, VARTYPE type, VARIANT *out);
/* Asks for a text with a function; `given` has room for two more behind the arguments, `shape` says B for them. */
HRESULT text_result(const char *function, const char *shape, word *given, unsigned count, VARIANT *out);
/* Remembers the error for the message, and says that there is one. */
HRESULT failed_call(uint32_t code);

/* ---- lists.c ---- */
HRESULT add_item(struct object *list, VARIANT *item);
HRESULT add_text(struct object *list, const WCHAR *text);
void drop_items(struct object *list);
HRESULT list_count(struct object *list, const word *given, VARIANT *out);
HRESULT list_item(struct object *list, const word *given, VARIANT *out);
HRESULT list_walk(struct object *list, VARIANT *out);

/* ---- members.c ---- */
HRESULT session_feature(struct object *session, const word *given, VARIANT *out);
HRESULT session_component_costs(struct object *session, const word *given, VARIANT *out);
HRESULT feature_title(struct object *feature, const word *given, VARIANT *out);
HRESULT feature_description(struct object *feature, const word *given, VARIANT *out);
HRESULT feature_attributes(struct object *feature, const word *given, VARIANT *out);
HRESULT put_feature_attributes(struct object *feature, const word *given, VARIANT *out);
HRESULT installer_version(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_last_error(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_summary(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_products(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_related(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_features(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_feature_parent(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_components(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_clients(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_component_path(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_file_version(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_file_size(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_file_attributes(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_environment(struct object *installer, const word *given, VARIANT *out);
HRESULT put_installer_environment(struct object *installer, const word *given, VARIANT *out);
HRESULT installer_registry_value(struct object *installer, const word *given, VARIANT *out);
HRESULT database_summary(struct object *database, const word *given, VARIANT *out);
HRESULT view_error(struct object *view, const word *given, VARIANT *out);
HRESULT record_stream(struct object *record, const word *given, VARIANT *out);
HRESULT record_text(struct object *record, const word *given, VARIANT *out);
HRESULT summary_property(struct object *summary, const word *given, VARIANT *out);
HRESULT put_summary_property(struct object *summary, const word *given, VARIANT *out);

#endif
