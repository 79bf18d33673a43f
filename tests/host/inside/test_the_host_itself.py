"""The pack beside the host: what loading it leaves alone."""

HOST_MODULES = ("comfy", "comfy_extras", "comfy_execution", "comfy_api", "execution", "folder_paths", "latent_preview")
NOT_THE_HOSTS = {"imageio", "OpenEXR", "isal", "cv2", "diffusers", "peft", "accelerate"}


def is_hosts(module: str) -> bool:
    return module.split(".")[0] in HOST_MODULES


def test_loading_the_pack_replaces_nothing_in_the_hosts_modules(loaded_pack):
    """Every function, class and constant of the host is the object that it was."""
    changed = [
        f"{module}.{name}"
        for module, before in loaded_pack.before.items()
        if is_hosts(module)
        for name, value in before.items()
        if loaded_pack.after[module].get(name) is not value
    ]
    assert changed == []


def test_loading_the_pack_puts_no_method_into_the_hosts_classes(loaded_pack):
    values = [value for module, names in loaded_pack.after.items() if is_hosts(module) for value in names.values()]
    classes = {value for value in values if isinstance(value, type) and is_hosts(value.__module__)}
    ours = [
        f"{each.__qualname__}.{name}"
        for each in classes
        for name, value in vars(each).items()
        if str(getattr(value, "__module__", "")).startswith(loaded_pack.name)
    ]
    assert len(classes) > 500 and ours == []


def test_loading_the_pack_keeps_every_node_of_the_host(loaded_pack):
    before, after = (nodes["NODE_CLASS_MAPPINGS"] for nodes in (loaded_pack.before, loaded_pack.after))
    assert all(after[name] is node for name, node in before.items())
    added = after.keys() - before.keys()
    assert added and all(name.startswith("RGBA") for name in added)


def test_loading_the_pack_imports_nothing_that_the_host_lacks(loaded_pack):
    added = {name.split(".")[0] for name in loaded_pack.after.keys() - loaded_pack.before.keys()}
    assert added.isdisjoint(NOT_THE_HOSTS)
