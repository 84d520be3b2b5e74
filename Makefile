# SPDX-License-Identifier: GPL-2.0-only
#
# The people's entry; make help lists what there is. Kbuild is the kernel's.

BUILD	?= build
override BUILD := $(abspath $(BUILD))
PREFIX	?= /usr/local
MANDIR	?= $(PREFIX)/share/man
UDEVDIR	?= /lib/udev/rules.d
SYSUSERSDIR ?= /usr/lib/sysusers.d

# What make and make install build for, and what the virtual machine runs.
KDIR	?= /lib/modules/$(shell uname -r)/build
KVER	?= $(shell tools/vm-kernel --default)

# The demo checksums this directory of the host.
DEMO_DIR ?= /usr/include

V	?= 0
Q	:= $(if $(filter 1,$(V)),,@)
QUIET	:= $(if $(filter 1,$(V)),,-s)

SUBMAKE	= +$(Q)$(MAKE) $(QUIET) --no-print-directory
LIBHSK	= -C libhsk O=$(BUILD)/libhsk PREFIX=$(PREFIX)
MANPAGES = $(wildcard Documentation/man/*.[1-8])

export BUILD V

.PHONY: all module vm-module libhsk tools examples demo check check-full \
	coverage fuzz mutate bench shell deps install uninstall clean help

all: libhsk tools module

help:
	@echo 'In a virtual machine, whatever kernel runs here:'
	@echo '  make demo       install what is missing, build, boot, run the demo;'
	@echo '                  DEMO_DIR=directory to checksum (default $(DEMO_DIR))'
	@echo '  make check      the same for all tests; T="channel poll" runs only these'
	@echo '  make check-full everything: many kernels, a debug kernel, faults, kills,'
	@echo '                  fuzzing ...; T="fuzz kills" runs only these suites'
	@echo '  make coverage   what the tests reach of the module, by file'
	@echo '  make fuzz       T=seconds (default 60)'
	@echo '  make mutate     do the tests notice small faults? About an hour'
	@echo '  make shell      a shell in the machine with the module loaded'
	@echo '  make bench      measure, in the machine'
	@echo
	@echo 'For a kernel of your own:'
	@echo '  make            build module, library and tools; KDIR= kernel build directory'
	@echo '  make install    install them; PREFIX= (default $(PREFIX)), DESTDIR='
	@echo '  make uninstall  remove them'
	@echo
	@echo 'Parts: module, vm-module (KVER=version), libhsk, tools, examples.'
	@echo 'Others: deps (packages that are missing), clean. V=1 shows every command.'

# What a quiet build says about itself.
say	= @printf '  %-9s %s\n' '$(1)' '$(2)'

module:
	$(call say,MODULE,for $(KDIR))
	+$(Q)tools/build-module $(KDIR) $(QUIET) modules

vm-module:
	$(call say,MODULE,for kernel $(KVER))
	+$(Q)tools/build-module "$$(tools/vm-kernel --headers $(KVER))" $(QUIET) modules

libhsk:
	$(call say,LIBRARY,libhsk)
	$(SUBMAKE) $(LIBHSK) all

tools: $(BUILD)/tools/hsk
	@:

# With the library inside, so that it runs from wherever it is copied to.
$(BUILD)/tools/hsk: tools/hsk.c VERSION $(wildcard libhsk/*.[ch] libhsk/include/*.h \
		uapi/linux/*.h) | libhsk
	$(call say,TOOL,hsk)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -Wall -Wextra -D_GNU_SOURCE \
		-DHSK_TOOL_VERSION='"$(file < VERSION)"' -Ilibhsk/include -Iuapi \
		$(CFLAGS) $(LDFLAGS) -o $@ tools/hsk.c $(BUILD)/libhsk/libhsk.a

examples: libhsk
	$(call say,EXAMPLES,examples)
	$(SUBMAKE) -C examples O=$(BUILD)/examples \
		PKG_CONFIG_PATH=$(BUILD)/libhsk all

deps:
	$(Q)tools/deps demo check

demo:
	$(Q)tools/deps demo
	$(SUBMAKE) vm-module libhsk tools examples
	$(Q)VM=$(CURDIR)/tools/vm DEMO_DIR="$(DEMO_DIR)" examples/demo/run

check:
	$(Q)tools/deps check
	+$(Q)tools/check $(T)

check-full:
	$(Q)tools/deps full
	+$(Q)env -u T tools/check-full $(T)

coverage:
	$(Q)tools/deps full
	+$(Q)tools/check-full coverage

fuzz:
	$(Q)tools/deps full
	$(Q)T=$(or $(T),60) tools/check-full fuzz

mutate:
	$(Q)tools/deps full
	+$(Q)tools/check --build
	$(Q)proving/mutation/mutate --second debug --second kcsan \
		--report Documentation/mutation.rst

bench:
	$(Q)tools/deps demo
	$(SUBMAKE) vm-module libhsk
	$(SUBMAKE) -C bench O=$(BUILD)/bench VM=$(CURDIR)/tools/vm run

shell:
	$(Q)tools/deps demo
	$(SUBMAKE) vm-module libhsk tools
	+$(Q)tools/shell

# Headers of a distribution come without its signing key.
NO_SIGNATURE = $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

install:
	+$(Q)tools/build-module $(KDIR) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) \
		$(NO_SIGNATURE) modules_install
	$(if $(DESTDIR),,$(Q)depmod -a "$$(tools/build-module --release $(KDIR))")
	$(SUBMAKE) $(LIBHSK) DESTDIR=$(DESTDIR) install
	$(if $(DESTDIR),,$(Q)ldconfig)
	$(Q)install -D -m 755 $(BUILD)/tools/hsk $(DESTDIR)$(PREFIX)/bin/hsk
	$(Q)for page in $(MANPAGES); do \
		install -D -m 644 $$page \
			$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; \
	done
	$(Q)install -D -m 644 tools/udev/60-hsk.rules $(DESTDIR)$(UDEVDIR)/60-hsk.rules
	$(Q)install -D -m 644 tools/udev/hsk.sysusers $(DESTDIR)$(SYSUSERSDIR)/hsk.conf
	$(Q)$(if $(DESTDIR),:,tools/udev/activate $(SYSUSERSDIR)/hsk.conf)

uninstall:
	$(Q)rm -f $(DESTDIR)$(UDEVDIR)/60-hsk.rules $(DESTDIR)$(SYSUSERSDIR)/hsk.conf
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/hsk
	$(Q)for page in $(MANPAGES); do \
		rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; \
	done
	$(SUBMAKE) $(LIBHSK) DESTDIR=$(DESTDIR) uninstall
	$(Q)release=$$(tools/build-module --release $(KDIR)) && \
		find $(DESTDIR)/lib/modules/$$release -name 'hsk.ko*' -delete && \
		$(if $(DESTDIR),:,depmod -a $$release)

# What was downloaded or unpacked is kept; rm -r build removes that as well.
clean:
	$(Q)rm -rf $(filter-out $(BUILD)/kernels $(BUILD)/ksrc,$(wildcard $(BUILD)/*))
